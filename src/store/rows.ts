import type { ActionName, SubjectName } from "../identifier/identifier.js";
import { secretIdFromUuid, tokenIdFromUuid, toUuid } from "../token/ids.js";
import { noPolicy, type Policy } from "../token/policy.js";
import { type SubjectFacts, unmentionedSubject } from "../token/subject-state.js";
import type { Approval, Grant, SecretRecord, Suspension, TokenRecord } from "../token/token.js";
import type { policy, StoredGrant, StoredPolicy, subject, token, tokenSecret } from "./schema.js";
import type { NewSecret, TokenFacts } from "./token-store.js";

/*
 * Rows to records and back. What was parsed before it was written is taken back as the branded type that it was then.
 */

export type TokenRow = typeof token.$inferSelect;
export type SecretRow = Omit<typeof tokenSecret.$inferSelect, "digest">;

export function tokenRecord(row: TokenRow): TokenRecord {
  return {
    id: tokenIdFromUuid(row.id),
    kind: row.kind,
    subject: row.subject as SubjectName,
    generation: row.generation,
    organization: (row.organization ?? undefined) as SubjectName | undefined,
    name: row.name,
    description: row.description,
    grant: readGrant(row.grant),
    allowedCidrs: row.allowedCidrs,
    metadata: row.metadata,
    claims: row.claims,
    createTime: row.createdAt,
    createdBy: row.createdBy,
    createdVia: row.createdVia ?? undefined,
    notBefore: row.notBefore ?? undefined,
    expireTime: row.expiresAt ?? undefined,
    selfRotate: row.selfRotate,
    approval: readApproval(row),
    suspension: readSuspension(row),
    revocation:
      row.revokedAt && row.revokedBy !== null && row.revocationReason
        ? { time: row.revokedAt, by: row.revokedBy, reason: row.revocationReason }
        : undefined,
    revision: row.revision,
  };
}

function readApproval({ approval, decidedBy, decidedAt, decisionComment }: TokenRow): Approval | undefined {
  if (approval === null) return undefined;
  // The table has a constraint that a decision is complete; one that is not is none.
  if (approval === "pending" || decidedBy === null || !decidedAt) return { state: "pending" };
  return { state: approval, by: decidedBy, time: decidedAt, comment: decisionComment ?? "" };
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

type FactColumns = Pick<
  typeof token.$inferInsert,
  | "name"
  | "description"
  | "grant"
  | "allowedCidrs"
  | "metadata"
  | "claims"
  | "notBefore"
  | "expiresAt"
  | "selfRotate"
  | "approval"
  | "decidedBy"
  | "decidedAt"
  | "decisionComment"
  | "suspendedAt"
  | "suspendedBy"
  | "suspensionRank"
  | "suspensionComment"
  | "revokedAt"
  | "revokedBy"
  | "revocationReason"
>;

export function factColumns(facts: TokenFacts): FactColumns {
  const { approval, suspension, revocation } = facts;
  const decision = approval && approval.state !== "pending" ? approval : undefined;
  return {
    name: facts.name,
    description: facts.description,
    grant: storedGrant(facts.grant),
    allowedCidrs: [...facts.allowedCidrs],
    metadata: facts.metadata,
    claims: facts.claims,
    notBefore: facts.notBefore ?? null,
    expiresAt: facts.expireTime ?? null,
    selfRotate: facts.selfRotate,
    approval: approval?.state ?? null,
    decidedBy: decision?.by ?? null,
    decidedAt: decision?.time ?? null,
    decisionComment: decision?.comment ?? null,
    suspendedAt: suspension?.time ?? null,
    suspendedBy: suspension?.by ?? null,
    suspensionRank: suspension?.rank ?? null,
    suspensionComment: suspension?.comment ?? null,
    revokedAt: revocation?.time ?? null,
    revokedBy: revocation?.by ?? null,
    revocationReason: revocation?.reason ?? null,
  };
}

export function secretRecord(row: SecretRow): SecretRecord {
  return {
    id: secretIdFromUuid(row.id),
    hint: row.hint,
    createTime: row.createdAt,
    pepperVersion: row.pepperVersion,
    retireTime: row.retiresAt ?? undefined,
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

export function subjectFacts(
  row: Pick<typeof subject.$inferSelect, "state" | "generation"> | null | undefined,
): SubjectFacts {
  return row ? { state: row.state, generation: row.generation } : unmentionedSubject;
}

export function readPolicy(row: Pick<typeof policy.$inferSelect, "fields"> | null | undefined): Policy {
  if (!row) return noPolicy;
  const { allowedActions, ...fields } = row.fields;
  return { ...noPolicy, ...fields, allowedActions: allowedActions as readonly ActionName[] | undefined };
}

export function storedPolicy(policy: Policy): StoredPolicy {
  return JSON.parse(JSON.stringify(policy)); // leaves out what is undefined
}

function storedGrant(grant: Grant): StoredGrant {
  return grant.kind === "full" ? { full: true } : { rules: grant.rules };
}

/** Everything is only ever the explicit marker; whatever else is no list of rules grants nothing. */
function readGrant(stored: StoredGrant): Grant {
  if ("full" in stored && stored.full === true) return { kind: "full" };
  return {
    kind: "rules",
    rules: "rules" in stored ? (stored.rules as Extract<Grant, { kind: "rules" }>["rules"]) : [],
  };
}
