import { type AuditEvent, newAuditEvent } from "../../src/domain/audit-event.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import { newSecretId, newTokenId } from "../../src/domain/ids.js";
import { blockedBy, noPolicy, type Policy } from "../../src/domain/policy.js";
import { standingOf, type TokenSubjects } from "../../src/domain/state.js";
import { unmentionedSubject } from "../../src/domain/subject-state.js";
import type { SecretRecord, TokenRecord } from "../../src/domain/token.js";
import type { ResolvedToken } from "../../src/domain/token-store.js";

/** The time of all data below. */
export const testTime = new Date("2026-03-01T12:00:00.123Z");

/** Returns Alice's unlimited token, except for the given fields. */
export function tokenRecord(over: Partial<TokenRecord> = {}): TokenRecord {
  return {
    id: newTokenId(),
    kind: "pat",
    subject: "user:alice" as SubjectName,
    generation: 1,
    organization: undefined,
    name: "laptop",
    description: "",
    justification: "",
    grant: { kind: "full" },
    allowedCidrs: [],
    metadata: {},
    claims: {},
    createTime: testTime,
    createdBy: "service:test",
    createdVia: undefined,
    contributors: [],
    holders: [],
    notBefore: undefined,
    expireTime: undefined,
    expired: false,
    selfRotate: false,
    approval: undefined,
    approved: undefined,
    suspension: undefined,
    revocation: undefined,
    revision: 1,
    ...over,
  };
}

export function secretRecord(over: Partial<SecretRecord> = {}): SecretRecord {
  return {
    id: newSecretId(),
    hint: "pw_pat_...abcd",
    createTime: testTime,
    pepperVersion: 1,
    retireTime: undefined,
    ended: false,
    ...over,
  };
}

/** Returns an event for stores, which write one with every change. */
export const testEvent = (token: Pick<TokenRecord, "id" | "subject">): AuditEvent =>
  newAuditEvent({
    time: testTime,
    actor: "service:test",
    action: "token.updated",
    subject: token.subject,
    tokenId: token.id,
  });

export interface TestContext {
  readonly secret: SecretRecord;
  readonly subjects: TokenSubjects;
  readonly policy: Policy;
}

/** Returns what a Check reads about a token with these fields. */
export function resolvedToken(over: Partial<TokenRecord> = {}, context: Partial<TestContext> = {}): ResolvedToken {
  const token = tokenRecord(over);
  const { secret = secretRecord(), policy = noPolicy } = context;
  const { subjects = { subject: unmentionedSubject, organization: undefined } } = context;
  const { id, kind, subject, organization, grant, allowedCidrs, claims } = token;
  return {
    ...{ id, kind, subject, organization, grant, allowedCidrs, claims, policy },
    standing: standingOf(token, secret, subjects),
    blocked: blockedBy(policy, token, secret).length > 0,
    notBeforeMs: token.notBefore?.getTime(),
    expireMs: token.expireTime?.getTime(),
    retireMs: secret.retireTime?.getTime(),
    secretId: secret.id,
  };
}
