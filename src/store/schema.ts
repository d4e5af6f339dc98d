import { sql } from "drizzle-orm";
import { check, customType, index, jsonb, pgTable, smallint, text, timestamp, uuid } from "drizzle-orm/pg-core";

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/** Byte order whatever the database's locale: the prefix filters of lists need it to use the index. */
const identifier = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

/** Milliseconds, because a JavaScript Date holds no more: what is read back equals what was written. */
const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: "date" });

/** As stored: explicit, so that a missing value can never read as "everything". */
export type StoredGrant =
  | { readonly full: true }
  | { readonly rules: readonly { readonly actions: readonly string[]; readonly resources: readonly string[] }[] };

/** The logical credential. It survives the rotation of its secrets; rows are never cleared of a revocation. */
export const token = pgTable(
  "token",
  {
    /** UUIDv7 of the TypeID: lists are ordered by it. */
    id: uuid("id").primaryKey(),
    kind: text("kind").$type<"pat" | "oat">().notNull(),
    subject: identifier("subject").notNull(),
    name: text("name").notNull(),
    description: text("description").notNull(),
    grant: jsonb("grant_rules").$type<StoredGrant>().notNull(),
    allowedCidrs: text("allowed_cidrs").array().notNull(),
    metadata: jsonb("metadata").$type<Record<string, string>>().notNull(),
    claims: jsonb("claims").$type<Record<string, string>>().notNull(),
    createdAt: instant("created_at").notNull(),
    createdBy: identifier("created_by").notNull(),
    notBefore: instant("not_before"),
    /** Null: never expires. */
    expiresAt: instant("expires_at"),
    revokedAt: instant("revoked_at"),
    revokedBy: text("revoked_by"),
    revocationReason: text("revocation_reason").$type<"REQUESTED" | "LEAKED" | "ADMINISTRATIVE">(),
  },
  (table) => [
    index("token_subject").on(table.subject, table.id.desc()),
    index("token_created_by").on(table.createdBy, table.id.desc()),
    check("token_kind", sql`${table.kind} in ('pat', 'oat')`),
    check("token_times", sql`${table.notBefore} < ${table.expiresAt}`),
    check(
      "token_revocation",
      sql`num_nulls(${table.revokedAt}, ${table.revokedBy}, ${table.revocationReason}) in (0, 3)`,
    ),
  ],
);

/** What is sent. Only a keyed hash is stored. */
export const tokenSecret = pgTable(
  "token_secret",
  {
    id: uuid("id").primaryKey(),
    tokenId: uuid("token_id")
      .notNull()
      .references(() => token.id),
    /** HMAC-SHA-256 under the digest key of the pepper. */
    digest: bytea("digest").notNull().unique("token_secret_digest"),
    pepperVersion: smallint("pepper_version").notNull(),
    hint: text("hint").notNull(),
    createdAt: instant("created_at").notNull(),
    /** End of its grace after a rotation. */
    retiresAt: instant("retires_at"),
    revokedAt: instant("revoked_at"),
  },
  (table) => [
    index("token_secret_token").on(table.tokenId),
    check("token_secret_digest_length", sql`octet_length(${table.digest}) = 32`),
  ],
);

/** Written at first use of a pepper: a key that does not fit its version stops the start. */
export const pepperCheck = pgTable("pepper_check", {
  version: smallint("version").primaryKey(),
  checkValue: bytea("check_value").notNull(),
});
