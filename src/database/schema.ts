import { getTableName, sql } from "drizzle-orm";
import {
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  type PgColumn,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import type { SubjectState } from "../domain/subject-state.js";
import type { Rank, RevocationReason } from "../domain/token.js";
import { readInstant } from "./session.js";

export const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/** Byte order whatever the database's locale: the prefix filters of lists need it to use the index. */
export const identifier = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

/** Milliseconds, because a JavaScript Date holds no more: what is read back equals what was written. */
export const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => "timestamp (3) with time zone",
  toDriver: (time) => time.toISOString(),
  fromDriver: readInstant,
});

const ranges = {
  /** What an API time can say. Infinity is outside. */
  time: sql.raw("'0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00'"),
  /** Whole numbers that a double tells from their neighbours. */
  number: sql.raw(`${-Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}`),
};

/** Keeps out of a column what we could not read again: by whatever means it got there, one such row would fail every list that it is in. */
export function readable(range: keyof typeof ranges, ...columns: readonly PgColumn[]) {
  return columns.map((column) =>
    check(`${getTableName(column.table)}_${column.name}_range`, sql`${column} between ${ranges[range]}`),
  );
}

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
    generation: integer("generation").notNull(),
    organization: identifier("organization"),
    name: text("name").notNull(),
    description: text("description").notNull(),
    grant: jsonb("grant_rules").$type<StoredGrant>().notNull(),
    allowedCidrs: text("allowed_cidrs").array().notNull(),
    metadata: jsonb("metadata").$type<Record<string, string>>().notNull(),
    claims: jsonb("claims").$type<Record<string, string>>().notNull(),
    createdAt: instant("created_at").notNull(),
    createdBy: identifier("created_by").notNull(),
    createdVia: text("created_via"),
    notBefore: instant("not_before"),
    /** Null: never expires. */
    expiresAt: instant("expires_at"),
    /** Ended by a change at once: no replica's clock has to reach the time. */
    expired: boolean("expired").notNull().default(false),
    selfRotate: boolean("self_rotate").notNull(),
    /** Null: no approval was asked for. */
    approval: text("approval").$type<"pending" | "approved" | "denied">(),
    decidedBy: text("decided_by"),
    /** The service that the decision came through. */
    decidedVia: text("decided_via"),
    decidedAt: instant("decided_at"),
    decisionComment: text("decision_comment"),
    /** Whose work the next approval covers, and who was shown a secret that may still work: none of them approves. */
    contributors: text("contributors").array().notNull().default([]),
    holders: text("holders").array().notNull().default([]),
    suspendedAt: instant("suspended_at"),
    suspendedBy: text("suspended_by"),
    suspensionRank: text("suspension_rank").$type<Rank>(),
    suspensionComment: text("suspension_comment"),
    revokedAt: instant("revoked_at"),
    revokedBy: text("revoked_by"),
    revocationReason: text("revocation_reason").$type<RevocationReason>(),
    revision: integer("revision").notNull(),
  },
  (table) => [
    ...readable(
      "time",
      table.createdAt,
      table.notBefore,
      table.expiresAt,
      table.decidedAt,
      table.suspendedAt,
      table.revokedAt,
    ),
    index("token_subject").on(table.subject, table.id.desc()),
    index("token_organization").on(table.organization, table.id.desc()).where(sql`${table.organization} is not null`),
    index("token_created_by").on(table.createdBy, table.id.desc()),
    check("token_kind", sql`${table.kind} in ('pat', 'oat')`),
    check("token_expired", sql`not ${table.expired} or ${table.expiresAt} is not null`),
    check("token_times", sql`${table.notBefore} < ${table.expiresAt}`),
    check(
      "token_revocation",
      sql`num_nulls(${table.revokedAt}, ${table.revokedBy}, ${table.revocationReason}) in (0, 3)`,
    ),
    check(
      "token_suspension",
      sql`num_nulls(${table.suspendedAt}, ${table.suspendedBy}, ${table.suspensionRank}, ${table.suspensionComment}) in (0, 4)`,
    ),
    check(
      "token_approval",
      sql`(coalesce(${table.approval}, 'pending') = 'pending') = (${table.decidedAt} is null) and num_nulls(${table.decidedAt}, ${table.decidedBy}, ${table.decisionComment}) in (0, 3)`,
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
    /** When its row was written, by the database's clock. */
    storedAt: instant("stored_at").notNull().default(sql`now()`),
    /** When it was or will be superseded. */
    retiresAt: instant("retires_at"),
    /** Superseded at once: no replica's clock has to reach the time. */
    ended: boolean("ended").notNull().default(false),
  },
  (table) => [
    ...readable("time", table.createdAt, table.storedAt, table.retiresAt),
    index("token_secret_token").on(table.tokenId),
    check("token_secret_ended", sql`not ${table.ended} or ${table.retiresAt} is not null`),
    check("token_secret_digest_length", sql`octet_length(${table.digest}) = 32`),
  ],
);

/** Until when JWTs live that were handed out for a token: ending the token does not end them. */
export const tokenResidual = pgTable(
  "token_residual",
  {
    tokenId: uuid("token_id")
      .primaryKey()
      .references(() => token.id, { onDelete: "cascade" }),
    until: instant("until").notNull(),
  },
  (table) => readable("time", table.until),
);

/** Written at first use of a pepper: a key that does not fit its version stops the start. */
export const pepperCheck = pgTable("pepper_check", {
  version: smallint("version").primaryKey(),
  checkValue: bytea("check_value").notNull(),
});

/** Subjects that were mentioned: whoever has or had a token, and whoever was disabled or deleted. */
export const subject = pgTable(
  "subject",
  {
    name: identifier("name").primaryKey(),
    state: text("state").$type<SubjectState>().notNull(),
    generation: integer("generation").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => readable("time", table.updatedAt),
);

/** A policy as stored: what is absent sets no limit. */
export interface StoredPolicy {
  readonly maxLifetimeMs?: number;
  readonly defaultLifetimeMs?: number;
  readonly requireExpiry?: boolean;
  readonly allowedActions?: readonly string[];
  readonly allowedCidrs?: readonly string[];
  readonly requireApproval?: boolean;
  readonly revokeUnusedAfterMs?: number;
  readonly revokeOnReuse?: boolean;
  readonly forbidFull?: boolean;
  readonly blockAll?: boolean;
  readonly allowSelfRotation?: boolean;
  readonly requireOrganization?: boolean;
}

/** `user` and `organization` are the deployment's; any other scope is the name of an organization. */
export const policy = pgTable(
  "policy",
  {
    scope: identifier("scope").primaryKey(),
    /** Null: it was deleted. The row stays, so that no revision comes back, and with it the etag that somebody read before. */
    fields: jsonb("fields").$type<StoredPolicy>(),
    revision: integer("revision").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => readable("time", table.updatedAt),
);

/** What a caller's `request_id` led to, so that a repeat finds it. */
export const request = pgTable(
  "request",
  {
    caller: identifier("caller").notNull(),
    requestId: text("request_id").notNull(),
    /** SHA-256 of the request: another one under the same id is refused. */
    fingerprint: bytea("fingerprint").notNull(),
    tokenId: uuid("token_id")
      .notNull()
      .references(() => token.id),
    /** The secret, encrypted; taken away after ten minutes. */
    sealedSecret: bytea("sealed_secret"),
    createdAt: instant("created_at").notNull(),
  },
  (table) => [
    ...readable("time", table.createdAt),
    primaryKey({ columns: [table.caller, table.requestId] }),
    index("request_age").on(table.createdAt),
  ],
);
