import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  type GrantSchema,
  RevocationReason,
  type SecretSchema,
  type Token,
  Token_State,
  TokenSchema,
} from "#gen/patwarden/v1/token_pb.js";
import { tokenState, usability } from "../token/state.js";
import type { Grant, SecretRecord, TokenRecord } from "../token/token.js";

/** A token as clients see it. `metadata` is left out where the reader is not its holder's management plane. */
export function tokenMessage(
  token: TokenRecord,
  secrets: readonly SecretRecord[],
  now: Date,
  { metadata }: { readonly metadata: boolean },
): Token {
  const current = secrets.find((secret) => secret.retireTime === undefined);
  return create(TokenSchema, {
    id: token.id,
    subject: token.subject,
    name: token.name,
    description: token.description,
    state: Token_State[tokenState(token, now)],
    grant: grantMessage(token.grant),
    allowedCidrs: [...token.allowedCidrs],
    metadata: metadata ? { ...token.metadata } : {},
    createTime: timestampFromDate(token.createTime),
    ...(token.notBefore && { notBefore: timestampFromDate(token.notBefore) }),
    ...(token.expireTime && { expireTime: timestampFromDate(token.expireTime) }),
    ...(token.revocation && {
      revokeTime: timestampFromDate(token.revocation.time),
      revocationReason: RevocationReason[token.revocation.reason],
    }),
    createdBy: token.createdBy,
    secrets: secrets.map((secret) => secretMessage(secret, secret === current, token.expireTime)),
    claims: { ...token.claims },
    neverExpires: token.expireTime === undefined,
    usable: Reason[usability(token, current, now)],
  });
}

function secretMessage(
  secret: SecretRecord,
  current: boolean,
  tokenExpireTime: Date | undefined,
): MessageInitShape<typeof SecretSchema> {
  const expireTime = secret.retireTime ?? tokenExpireTime;
  return {
    id: secret.id,
    hint: secret.hint,
    createTime: timestampFromDate(secret.createTime),
    ...(expireTime && { expireTime: timestampFromDate(expireTime) }),
    current,
  };
}

function grantMessage(grant: Grant): MessageInitShape<typeof GrantSchema> {
  return grant.kind === "full"
    ? { full: true }
    : { rules: grant.rules.map((rule) => ({ actions: [...rule.actions], resources: [...rule.resources] })) };
}
