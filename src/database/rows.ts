import type { ActionName, SubjectName } from "../domain/identifier.js";
import { secretIdFromUuid, tokenIdFromUuid, toUuid } from "../domain/ids.js";
import { blockedBy, noPolicy, type Policy, stricter } from "../domain/policy.js";
import { standingOf } from "../domain/state.js";
import { type SubjectFacts, unmentionedSubject } from "../domain/subject-state.js";
import type { Approval, Grant, SecretRecord, Suspension, TokenRecord } from "../domain/token.js";
import type { NewSecret, ResolvedToken, TokenFacts } from "../domain/token-store.js";
import type { policy, StoredGrant, StoredPolicy, subject, token, tokenSecret } from "./schema.js";

/*
 * Rows to records and back. What was parsed before it was written is taken back as the branded type that it was then.
 */

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
  // The table has a constraint that a decision is complete; one that is not is none.
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
  | "expired"
  | "selfRotate"
  | "approval"
  | "decidedBy"
  | "decidedVia"
  | "decidedAt"
  | "decisionComment"
  | "contributors"
  | "holders"
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
    expired: facts.expired,
    selfRotate: facts.selfRotate,
    approval: approval?.state ?? null,
    decidedBy: decision?.by ?? null,
    decidedVia: decision?.via ?? null,
    decidedAt: decision?.time ?? null,
    decisionComment: decision?.comment ?? null,
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

export function subjectFacts(
  row: Pick<typeof subject.$inferSelect, "state" | "generation"> | null | undefined,
): SubjectFacts {
  return row ? { state: row.state, generation: row.generation } : unmentionedSubject;
}

export function readPolicy(row: Pick<typeof policy.$inferSelect, "fields"> | null | undefined): Policy {
  if (!row?.fields) return noPolicy;
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

/** A row of the look-up by digest; JSON as text, so that equal texts are parsed once. */
export interface ResolvedRow {
  readonly epoch: number;
  readonly standby: boolean;
  readonly digest: string;
  readonly secretId: string;
  readonly secretCreatedMs: number;
  readonly retireMs: number | null;
  readonly ended: boolean;
  readonly id: string;
  readonly kind: "pat" | "oat";
  readonly subject: string;
  readonly generation: number;
  readonly organization: string | null;
  readonly grant: string;
  readonly allowedCidrs: readonly string[];
  readonly claims: string;
  readonly notBeforeMs: number | null;
  readonly expireMs: number | null;
  readonly expired: boolean;
  readonly approval: "pending" | "approved" | "denied" | null;
  readonly suspended: boolean;
  readonly revoked: boolean;
  readonly ownerState: SubjectFacts["state"] | null;
  readonly ownerGeneration: number | null;
  readonly organizationState: SubjectFacts["state"] | null;
  readonly organizationGeneration: number | null;
  readonly deploymentPolicy: string | null;
  readonly ownPolicy: string | null;
}

const noCidrs: readonly string[] = [];
const noClaims: Readonly<Record<string, string>> = {};
const everything: Grant = { kind: "full" };

export function resolvedToken(row: ResolvedRow): ResolvedToken {
  const facts = (state: SubjectFacts["state"] | null, generation: number | null) =>
    subjectFacts(state === null || generation === null ? undefined : { state, generation });
  const grant = readGrant(JSON.parse(row.grant));
  const policy = effectivePolicy(row.deploymentPolicy, row.ownPolicy);
  const expireMs = row.expireMs ?? undefined;
  // The literal, which all share, and not the row's own copy of it.
  const kind = row.kind === "oat" ? "oat" : "pat";
  const organization = (row.organization ?? undefined) as SubjectName | undefined;
  const expireTime = expireMs === undefined ? undefined : new Date(expireMs);
  const blockers = blockedBy(
    policy,
    { kind, organization, grant, expireTime },
    { createTime: new Date(row.secretCreatedMs) },
  );
  // Every property is named here: one object that is spread into another takes three times the memory (measured).
  return {
    id: tokenIdFromUuid(row.id),
    kind,
    organization,
    grant: grant.kind === "full" ? everything : grant,
    subject: row.subject as SubjectName,
    standing: standingOf(
      {
        generation: row.generation,
        approval: row.approval === null ? undefined : { state: row.approval },
        suspension: row.suspended || undefined,
        revocation: row.revoked || undefined,
        expired: row.expired,
      },
      row,
      {
        subject: facts(row.ownerState, row.ownerGeneration),
        organization: row.organization === null ? undefined : facts(row.organizationState, row.organizationGeneration),
      },
    ),
    blocked: blockers.length > 0,
    allowedCidrs: row.allowedCidrs.length === 0 ? noCidrs : row.allowedCidrs,
    claims: row.claims === "{}" ? noClaims : JSON.parse(row.claims),
    secretId: secretIdFromUuid(row.secretId),
    notBeforeMs: row.notBeforeMs ?? undefined,
    expireMs,
    retireMs: row.retireMs ?? undefined,
    policy,
  };
}

/** Returns the policy whose fields are given as JSON; null: nobody has set it. */
export function policyOfText(fields: string | null): Policy {
  return readPolicy(fields === null ? undefined : { fields: JSON.parse(fields) });
}

/** By the texts of both policies; policies are few, and every cached token under the same ones shares one object. */
const effectivePolicies = new Map<string, Policy>();
const mostPolicies = 10_000;

/** Returns the stricter of both, computed once for each pair; `policyOfText` says of which texts. */
export function effectivePolicy(deployment: string | null, own: string | null): Policy {
  const key = `${deployment ?? ""}\n${own ?? ""}`;
  const known = effectivePolicies.get(key);
  if (known) return known;
  const policy = own === null ? policyOfText(deployment) : stricter(policyOfText(deployment), policyOfText(own));
  if (effectivePolicies.size >= mostPolicies) effectivePolicies.clear();
  effectivePolicies.set(key, policy);
  return policy;
}
