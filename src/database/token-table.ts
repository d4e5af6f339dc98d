import { getTableColumns, sql } from "drizzle-orm";
import {
  boolean,
  check,
  index,
  integer,
  jsonb,
  type PgColumn,
  pgTable,
  smallint,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import type { SubjectName } from "../domain/identifier.js";
import { secretIdFromUuid, tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type {
  Approval,
  ApprovedFacts,
  Grant,
  Rank,
  RevocationReason,
  SecretRecord,
  Suspension,
  TokenRecord,
} from "../domain/token.js";
import type { NewSecret, TokenFacts } from "../domain/token-store.js";
import type { Write } from "./change.js";
import { bytea, identifier, instant, readable } from "./columns.js";

/** A grant as stored. The full grant is explicit, so that a missing value never grants everything. */
export type StoredGrant =
  | { readonly full: true }
  | { readonly rules: readonly { readonly actions: readonly string[]; readonly resources: readonly string[] }[] };

const numNulls = (...columns: readonly PgColumn[]) => sql`num_nulls(${sql.join([...columns], sql`, `)})`;

/** The last approval as stored. Times are in ISO 8601. */
export interface StoredApproved {
  readonly grant: StoredGrant;
  readonly allowedCidrs: readonly string[];
  readonly notBefore?: string;
  /** Absent: the token was never to expire. */
  readonly expireTime?: string;
  readonly selfRotate: boolean;
  readonly by: string;
  readonly via?: string;
  readonly time: string;
  readonly comment: string;
}

/** Tokens. A token survives the rotation of its secrets. A revocation is never undone. */
export const token = pgTable(
  "token",
  {
    /** The UUIDv7 of the TypeID. Lists are ordered by it. */
    id: uuid("id").primaryKey(),
    kind: text("kind").$type<"pat" | "oat">().notNull(),
    subject: identifier("subject").notNull(),
    generation: integer("generation").notNull(),
    organization: identifier("organization"),
    name: text("name").notNull(),
    description: text("description").notNull(),
    justification: text("justification").notNull().default(""),
    grant: jsonb("grant_rules").$type<StoredGrant>().notNull(),
    allowedCidrs: text("allowed_cidrs").array().notNull(),
    metadata: jsonb("metadata").$type<Record<string, string>>().notNull(),
    claims: jsonb("claims").$type<Record<string, string>>().notNull(),
    createdAt: instant("created_at").notNull(),
    createdBy: identifier("created_by").notNull(),
    createdVia: text("created_via"),
    notBefore: instant("not_before"),
    /** Null when the token never expires. */
    expiresAt: instant("expires_at"),
    /** Whether a change ended the token at once, on all replicas, whatever their clocks say. */
    expired: boolean("expired").notNull().default(false),
    selfRotate: boolean("self_rotate").notNull(),
    /** Null when no approval was required. */
    approval: text("approval").$type<"pending" | "approved" | "denied">(),
    decidedBy: text("decided_by"),
    /** The service that the decision came through. */
    decidedVia: text("decided_via"),
    decidedAt: instant("decided_at"),
    decisionComment: text("decision_comment"),
    /** Null when the token was never approved. */
    approved: jsonb("approved").$type<StoredApproved>(),
    /** The people whose work the next approval covers. They cannot approve. */
    contributors: text("contributors").array().notNull().default([]),
    /** The people who were shown a secret that may still work. They cannot approve either. */
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
    check("token_revocation", sql`${numNulls(table.revokedAt, table.revokedBy, table.revocationReason)} in (0, 3)`),
    check(
      "token_suspension",
      sql`${numNulls(table.suspendedAt, table.suspendedBy, table.suspensionRank, table.suspensionComment)} in (0, 4)`,
    ),
    check(
      "token_approval",
      sql.join([
        sql`(coalesce(${table.approval}, 'pending') = 'pending') = (${table.decidedAt} is null) and `,
        sql`${numNulls(table.decidedAt, table.decidedBy, table.decisionComment)} in (0, 3)`,
      ]),
    ),
  ],
);

/** Secrets of tokens. Only a keyed hash of each is stored. */
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
    /** When the row was written, by the database's clock. */
    storedAt: instant("stored_at").notNull().default(sql`now()`),
    /** When the secret was or will be superseded. */
    retiresAt: instant("retires_at"),
    /** Whether a change superseded the secret at once, on all replicas, whatever their clocks say. */
    ended: boolean("ended").notNull().default(false),
  },
  (table) => [
    ...readable("time", table.createdAt, table.storedAt, table.retiresAt),
    index("token_secret_token").on(table.tokenId),
    index("token_secret_end").on(sql`lower(right(${table.hint}, 4))`),
    check("token_secret_ended", sql`not ${table.ended} or ${table.retiresAt} is not null`),
    check("token_secret_digest_length", sql`octet_length(${table.digest}) = 32`),
  ],
);

// Conversions of rows to records and back. Stored values were parsed before, so their branded types are safe.

export type TokenRow = typeof token.$inferSelect;
export type SecretRow = Omit<typeof tokenSecret.$inferSelect, "digest" | "storedAt">;

export function tokenRecord(row: TokenRow): TokenRecord {
  return {
    id: tokenIdFromUuid(row.id),
    kind: row.kind,
    subject: row.subject as SubjectName,
    generation: row.generation,
    organization: (row.organization ?? undefined) as SubjectName | undefined,
    name: row.name,
    description: row.description,
    justification: row.justification,
    grant: readGrant(row.grant),
    allowedCidrs: row.allowedCidrs,
    metadata: row.metadata,
    claims: row.claims,
    createTime: row.createdAt,
    createdBy: row.createdBy,
    createdVia: row.createdVia ?? undefined,
    notBefore: row.notBefore ?? undefined,
    expireTime: row.expiresAt ?? undefined,
    expired: row.expired,
    selfRotate: row.selfRotate,
    approval: readApproval(row),
    approved: row.approved ? readApproved(row.approved) : undefined,
    contributors: row.contributors,
    holders: row.holders,
    suspension: readSuspension(row),
    revocation:
      row.revokedAt && row.revokedBy !== null && row.revocationReason
        ? { time: row.revokedAt, by: row.revokedBy, reason: row.revocationReason }
        : undefined,
    revision: row.revision,
  };
}

function readApproval({ approval, decidedBy, decidedVia, decidedAt, decisionComment }: TokenRow): Approval | undefined {
  if (approval === null) return undefined;
  // A constraint of the table requires complete decisions. An incomplete one counts as pending.
  if (approval === "pending" || decidedBy === null || !decidedAt) return { state: "pending" };
  const decision = { by: decidedBy, time: decidedAt, comment: decisionComment ?? "" };
  return { state: approval, ...decision, ...(decidedVia !== null && { via: decidedVia }) };
}

function readSuspension(row: TokenRow): Suspension | undefined {
  const { suspendedAt: time, suspendedBy: by, suspensionRank: rank, suspensionComment: comment } = row;
  return time ? { time, by: by ?? "", rank: rank ?? "deployment", comment: comment ?? "" } : undefined;
}

export function tokenColumns(record: TokenRecord): typeof token.$inferInsert {
  return {
    id: toUuid(record.id),
    kind: record.kind,
    subject: record.subject,
    generation: record.generation,
    organization: record.organization ?? null,
    createdAt: record.createTime,
    createdBy: record.createdBy,
    createdVia: record.createdVia ?? null,
    revision: record.revision,
    ...factColumns(record),
  };
}

/** The columns that a change of a token may write. */
const factNames = [
  ...(["name", "description", "justification", "grant", "allowedCidrs", "metadata", "claims"] as const),
  ...(["notBefore", "expiresAt", "expired", "selfRotate"] as const),
  ...(["approval", "decidedBy", "decidedVia", "decidedAt", "decisionComment", "approved"] as const),
  ...(["contributors", "holders"] as const),
  ...(["suspendedAt", "suspendedBy", "suspensionRank", "suspensionComment"] as const),
  ...(["revokedAt", "revokedBy", "revocationReason"] as const),
];

export type FactColumns = Pick<TokenRow, (typeof factNames)[number]>;

export function factColumns(facts: TokenFacts): FactColumns {
  const { approval, suspension, revocation } = facts;
  const decision = approval && approval.state !== "pending" ? approval : undefined;
  return {
    name: facts.name,
    description: facts.description,
    justification: facts.justification,
    grant: storedGrant(facts.grant),
    allowedCidrs: [...facts.allowedCidrs],
    metadata: facts.metadata,
    claims: facts.claims,
    notBefore: facts.notBefore ?? null,
    expiresAt: facts.expireTime ?? null,
    expired: facts.expired,
    selfRotate: facts.selfRotate,
    approval: approval?.state ?? null,
    decidedBy: decision?.by ?? null,
    decidedVia: decision?.via ?? null,
    decidedAt: decision?.time ?? null,
    decisionComment: decision?.comment ?? null,
    approved: facts.approved ? storedApproved(facts.approved) : null,
    contributors: [...facts.contributors],
    holders: [...facts.holders],
    suspendedAt: suspension?.time ?? null,
    suspendedBy: suspension?.by ?? null,
    suspensionRank: suspension?.rank ?? null,
    suspensionComment: suspension?.comment ?? null,
    revokedAt: revocation?.time ?? null,
    revokedBy: revocation?.by ?? null,
    revocationReason: revocation?.reason ?? null,
  };
}

const columnNames = (columns: readonly PgColumn[]): string => columns.map(({ name }) => `"${name}"`).join(", ");

const columnsOfToken = Object.entries(getTableColumns(token));

/** Locks the token with an id and returns its row, as it is once the lock is held. */
export const lockTokenStatement = `
  select ${columnNames(columnsOfToken.map(([, column]) => column))} from token where id = $1::uuid for update`;

/** Reads a row of `lockTokenStatement`. */
export function tokenRow(read: Readonly<Record<string, unknown>>): TokenRow {
  const values = columnsOfToken.map(([name, column]) => {
    const value = read[column.name];
    return [name, value === null ? null : column.mapFromDriverValue(value)];
  });
  return Object.fromEntries(values) as TokenRow; // it has every column of the table
}

const factColumnsOfToken = factNames.map((name) => token[name]);

/** One parameter for any facts, so that there is one prepared statement. Facts that it does not name stay. */
const writeFactsStatement = `
  update token set revision = revision + 1, (${columnNames(factColumnsOfToken)}) = (
    select ${columnNames(factColumnsOfToken)} from json_populate_record(token, $2::text::json)
  )
  where id = $1::uuid`;

/** Returns the statement that writes the facts that differ, and the next revision. */
export function writeFacts(before: TokenRow, after: FactColumns): Write {
  const differ = factNames.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const facts = Object.fromEntries(differ.map((name) => [token[name].name, after[name]]));
  return { statement: writeFactsStatement, parameters: [before.id, JSON.stringify(facts)] };
}

export function secretRecord(row: SecretRow): SecretRecord {
  return {
    id: secretIdFromUuid(row.id),
    hint: row.hint,
    createTime: row.createdAt,
    pepperVersion: row.pepperVersion,
    retireTime: row.retiresAt ?? undefined,
    ended: row.ended,
  };
}

export function secretColumns(tokenId: string, secret: NewSecret): typeof tokenSecret.$inferInsert {
  return {
    id: toUuid(secret.id),
    tokenId,
    digest: secret.digest,
    pepperVersion: secret.pepperVersion,
    hint: secret.hint,
    createdAt: secret.createTime,
  };
}

function storedApproved({ decision, ...facts }: ApprovedFacts): StoredApproved {
  const { grant, allowedCidrs, notBefore, expireTime, selfRotate } = facts;
  const { by, via, time, comment } = decision;
  return {
    ...{ grant: storedGrant(grant), allowedCidrs, selfRotate, by, comment, time: time.toISOString() },
    ...(notBefore && { notBefore: notBefore.toISOString() }),
    ...(expireTime && { expireTime: expireTime.toISOString() }),
    ...(via !== undefined && { via }),
  };
}

function readApproved({ grant, allowedCidrs, selfRotate, by, via, comment, ...times }: StoredApproved): ApprovedFacts {
  const { notBefore, expireTime, time } = times;
  return {
    grant: readGrant(grant),
    allowedCidrs,
    notBefore: notBefore === undefined ? undefined : new Date(notBefore),
    expireTime: expireTime === undefined ? undefined : new Date(expireTime),
    selfRotate,
    decision: { by, time: new Date(time), comment, ...(via !== undefined && { via }) },
  };
}

function storedGrant(grant: Grant): StoredGrant {
  return grant.kind === "full" ? { full: true } : { rules: grant.rules };
}

/** Returns the full grant only for its explicit marker. Anything else that is not a list of rules grants nothing. */
export function readGrant(stored: StoredGrant): Grant {
  if ("full" in stored && stored.full === true) return { kind: "full" };
  return {
    kind: "rules",
    rules: "rules" in stored ? (stored.rules as Extract<Grant, { kind: "rules" }>["rules"]) : [],
  };
}
