import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  type ApprovalSchema,
  type ApprovedFactsSchema,
  type GrantSchema,
  Operation,
  RevocationReason,
  type SecretSchema,
  type SuspensionSchema,
  type Token,
  Token_State,
  TokenSchema,
} from "#gen/patwarden/v1/token_pb.js";
import { etagOf } from "../domain/etag.js";
import type { LastUse } from "../domain/last-use-store.js";
import { endOf } from "../domain/lifetime.js";
import { blockedBy } from "../domain/policy.js";
import { tokenState, usability } from "../domain/state.js";
import { type ApprovedFacts, type Attribution, currentSecret, type Grant, type SecretRecord } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import type { Operation as PermittedOperation } from "../manage/permitted-operations.js";

/** Renders a token as the management plane shows it, with what its reader may do with it. */
export function tokenMessage(
  { token, subjects, policy, lastUses }: TokenSnapshot,
  now: Date,
  permitted: readonly PermittedOperation[],
): Token {
  const current = currentSecret(token);
  const usable = usability(token, current, subjects, now);
  // Without a secret yet, the policy is applied to a secret that would be created now.
  const blocked = usable === "ALLOWED" ? blockedBy(policy, token, current ?? { createTime: now }) : [];
  const lastUse = lastUses.get(token.id);
  return create(TokenSchema, {
    id: token.id,
    subject: token.subject,
    organization: token.organization ?? "",
    name: token.name,
    description: token.description,
    justification: token.justification,
    state: Token_State[tokenState(token, now)],
    grant: grantMessage(token.grant),
    allowedCidrs: [...token.allowedCidrs],
    metadata: { ...token.metadata },
    createTime: timestampFromDate(token.createTime),
    ...(token.notBefore && { notBefore: timestampFromDate(token.notBefore) }),
    ...(token.expireTime && { expireTime: timestampFromDate(token.expireTime) }),
    ...(lastUse && { lastUseTime: timestampFromDate(lastUse.time), lastUseIp: lastUse.address ?? "" }),
    ...(token.revocation && {
      revokeTime: timestampFromDate(token.revocation.time),
      revocationReason: RevocationReason[token.revocation.reason],
    }),
    createdBy: token.createdBy,
    createdVia: token.createdVia ?? "",
    secrets: token.secrets.map((secret) =>
      secretMessage(secret, secret === current, token.expireTime, lastUses.get(secret.id)),
    ),
    etag: etagOf(token),
    claims: { ...token.claims },
    neverExpires: token.expireTime === undefined,
    usable: Reason[blocked.length > 0 ? "POLICY" : usable],
    blockedBy: [...blocked],
    selfRotate: token.selfRotate,
    ...(token.approval && token.approval.state !== "pending" && { approval: decisionMessage(token.approval) }),
    ...(token.approval?.state === "pending" && token.approved && { approvedBefore: approvedMessage(token.approved) }),
    ...(token.suspension && { suspension: suspensionMessage(token.suspension) }),
    permitted: permitted.map((operation) => Operation[operation]),
  });
}

/**
 * Renders a token as Introspect shows it to a backend: without metadata, justification, other secrets, etag and what
 * the caller may do.
 */
export function introspectedMessage(snapshot: TokenSnapshot, secret: SecretRecord, now: Date): Token {
  const token = { ...snapshot.token, metadata: {}, justification: "", secrets: [secret] };
  return { ...tokenMessage({ ...snapshot, token }, now, []), etag: "" };
}

function approvedMessage(approved: ApprovedFacts): MessageInitShape<typeof ApprovedFactsSchema> {
  const { grant, allowedCidrs, notBefore, expireTime, selfRotate, decision } = approved;
  return {
    grant: grantMessage(grant),
    allowedCidrs: [...allowedCidrs],
    ...(notBefore && { notBefore: timestampFromDate(notBefore) }),
    ...(expireTime && { expireTime: timestampFromDate(expireTime) }),
    neverExpires: expireTime === undefined,
    selfRotate,
    approval: decisionMessage(decision),
  };
}

function decisionMessage({ by, time, comment }: Attribution): MessageInitShape<typeof ApprovalSchema> {
  return { decidedBy: by, time: timestampFromDate(time), comment };
}

function suspensionMessage({ by, time, comment }: Attribution): MessageInitShape<typeof SuspensionSchema> {
  return { by, time: timestampFromDate(time), comment };
}

function secretMessage(
  secret: SecretRecord,
  current: boolean,
  tokenExpireTime: Date | undefined,
  lastUse: LastUse | undefined,
): MessageInitShape<typeof SecretSchema> {
  const expireTime = endOf({ expireTime: tokenExpireTime }, secret);
  return {
    id: secret.id,
    hint: secret.hint,
    createTime: timestampFromDate(secret.createTime),
    ...(expireTime && { expireTime: timestampFromDate(expireTime) }),
    current,
    ...(lastUse && { lastUseTime: timestampFromDate(lastUse.time) }),
  };
}

export function grantMessage(grant: Grant): MessageInitShape<typeof GrantSchema> {
  return grant.kind === "full"
    ? { full: true }
    : { rules: grant.rules.map((rule) => ({ actions: [...rule.actions], resources: [...rule.resources] })) };
}
