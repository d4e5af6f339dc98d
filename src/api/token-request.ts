import type { Duration } from "@bufbuild/protobuf/wkt";
import {
  type ApproveTokenRequest,
  type CreateTokenRequest,
  CreateTokenRequestSchema,
  type GetTokenRequest,
  type RevokeSecretRequest,
  type RevokeTokenRequest,
  type RotateTokenRequest,
  RotateTokenRequestSchema,
  type Token,
  type UpdateTokenRequest,
} from "#gen/patwarden/v1/token_pb.js";
import type { Caller } from "../callers/caller.js";
import type { SubjectTypes } from "../domain/identifier.js";
import { parseSecretId, parseTokenId } from "../domain/ids.js";
import { type Lifetime, parseTtl } from "../domain/lifetime.js";
import { parseCidr } from "../domain/network.js";
import { checkLabels, checkText } from "../domain/text.js";
import type { RevocationReason, SecretId, TokenId } from "../domain/token.js";
import type { CreateTokenCommand } from "../manage/create-token.js";
import type { RotateTokenCommand } from "../manage/rotate-token.js";
import type { TokenUpdate, UpdateTokenCommand } from "../manage/update-token.js";
import { seconds, takeGrant, takeOrganization, takeRevocationReason, takeSubject, takeTime } from "./fields.js";
import { takeRequestKey } from "./request-key.js";
import { Violations } from "./violations.js";

const maxName = 100;
const maxDescription = 500;
const maxCidrs = 32;

/*
 * Requests about one token. Each exported function converts a request to the input of its use-case, or throws
 * INVALID_FIELD with all violations.
 */

export function parseCreateToken(
  request: CreateTokenRequest,
  caller: Caller,
  subjectTypes: SubjectTypes,
): CreateTokenCommand {
  const violations = new Violations();
  const subject = takeSubject(violations, "subject", request.subject, subjectTypes);
  const organization = takeOrganization(violations, request.organization, subjectTypes);
  violations.check("name", checkText(request.name, { max: maxName, required: true }));
  violations.check("description", checkText(request.description, { max: maxDescription, multiline: true }));
  violations.check("justification", checkText(request.justification, { max: maxDescription, multiline: true }));
  const grant = takeGrant(violations, request.grant);
  const lifetime = takeLifetime(violations, request.lifetime);
  const notBefore = takeTime(violations, "not_before", request.notBefore);
  const allowedCidrs = takeCidrs(violations, request.allowedCidrs);
  for (const field of ["metadata", "claims"] as const) {
    checkLabelsOf(violations, field, request[field]);
  }
  const key = takeRequestKey(violations, CreateTokenRequestSchema, request, caller);
  return {
    ...violations.settle({ grant, lifetime }),
    subject,
    organization,
    name: request.name,
    description: request.description,
    justification: request.justification,
    notBefore,
    allowedCidrs,
    metadata: request.metadata,
    claims: request.claims,
    selfRotate: request.selfRotate,
    validateOnly: request.validateOnly,
    request: request.validateOnly ? undefined : key,
  };
}

export function parseRotateToken(
  request: RotateTokenRequest,
  caller: Caller,
): RotateTokenCommand & { readonly id: TokenId } {
  const violations = new Violations();
  const id = takeOwnOr(violations, "id", request.id, caller);
  const graceMs = takeGrace(violations, request.grace);
  const lifetime = takeLifetime(violations, request.lifetime);
  const key = takeRequestKey(violations, RotateTokenRequestSchema, request, caller);
  return { ...violations.settle({ id, graceMs, lifetime }), etag: request.etag, request: key };
}

export function parseUpdateToken({ token, updateMask, validateOnly }: UpdateTokenRequest): UpdateTokenCommand {
  const violations = new Violations();
  const id = violations.take("token.id", parseTokenId(token?.id ?? ""));
  const paths = new Set(updateMask?.paths ?? []);
  if (paths.size === 0) violations.add("update_mask", "must name at least one field");
  for (const [index, path] of [...paths].entries()) {
    if (!Object.hasOwn(updatable, path)) {
      violations.add(`update_mask.paths[${index}]`, `must be one of ${Object.keys(updatable).join(", ")}`);
    }
  }
  if (paths.has("expire_time") && paths.has("never_expires")) {
    violations.add("update_mask", "must name expire_time or never_expires, not both");
  }
  const update: TokenUpdate = {};
  if (token) {
    for (const path of paths) {
      if (Object.hasOwn(updatable, path))
        Object.assign(update, updatable[path as keyof typeof updatable](token, violations));
    }
  }
  return { ...violations.settle({ id }), etag: token?.etag ?? "", update, validateOnly };
}

/** The change for each path that an update mask may name. */
const updatable = {
  name({ name }: Token, violations: Violations) {
    violations.check("token.name", checkText(name, { max: maxName, required: true }));
    return { name };
  },
  description({ description }: Token, violations: Violations) {
    violations.check("token.description", checkText(description, { max: maxDescription, multiline: true }));
    return { description };
  },
  justification({ justification }: Token, violations: Violations) {
    violations.check("token.justification", checkText(justification, { max: maxDescription, multiline: true }));
    return { justification };
  },
  grant({ grant }: Token, violations: Violations) {
    const parsed = takeGrant(violations, grant, "token.grant");
    return parsed ? { grant: parsed } : {};
  },
  allowed_cidrs: ({ allowedCidrs }: Token, violations: Violations) => ({
    allowedCidrs: takeCidrs(violations, allowedCidrs, "token.allowed_cidrs"),
  }),
  metadata({ metadata }: Token, violations: Violations) {
    checkLabelsOf(violations, "token.metadata", metadata);
    return { metadata };
  },
  claims({ claims }: Token, violations: Violations) {
    checkLabelsOf(violations, "token.claims", claims);
    return { claims };
  },
  not_before: ({ notBefore }: Token, violations: Violations) => ({
    notBefore: takeTime(violations, "token.not_before", notBefore),
  }),
  expire_time({ expireTime }: Token, violations: Violations) {
    if (!expireTime) violations.add("token.expire_time", "is required; for a token without an end, set never_expires");
    return { expireTime: takeTime(violations, "token.expire_time", expireTime) };
  },
  never_expires({ neverExpires }: Token, violations: Violations) {
    if (!neverExpires)
      violations.add("token.never_expires", "must be true; to set an end, name expire_time in the update mask");
    return { expireTime: undefined };
  },
  self_rotate: ({ selfRotate }: Token) => ({ selfRotate }),
} as const satisfies Record<string, (token: Token, violations: Violations) => TokenUpdate>;

export function parseIdAndComment(request: { readonly id: string; readonly comment: string }): {
  readonly id: TokenId;
  readonly comment: string;
} {
  const violations = new Violations();
  const id = violations.take("id", parseTokenId(request.id));
  violations.check("comment", checkText(request.comment, { max: maxDescription, multiline: true }));
  return { ...violations.settle({ id }), comment: request.comment };
}

export function parseApproveToken(request: ApproveTokenRequest): {
  readonly id: TokenId;
  readonly comment: string;
  readonly etag: string;
} {
  const violations = new Violations();
  const id = violations.take("id", parseTokenId(request.id));
  violations.check("comment", checkText(request.comment, { max: maxDescription, multiline: true }));
  if (request.etag === "") violations.add("etag", "is required: the etag of the token that you approve");
  return { ...violations.settle({ id }), comment: request.comment, etag: request.etag };
}

export function parseRevokeSecret(request: RevokeSecretRequest): { readonly id: TokenId; readonly secretId: SecretId } {
  const violations = new Violations();
  const id = violations.take("token_id", parseTokenId(request.tokenId));
  const secretId = violations.take("secret_id", parseSecretId(request.secretId));
  return violations.settle({ id, secretId });
}

export function parseGetToken(request: GetTokenRequest): { readonly id: TokenId } {
  const violations = new Violations();
  return violations.settle({ id: violations.take("id", parseTokenId(request.id)) });
}

export function parseRevokeToken(
  request: RevokeTokenRequest,
  caller: Caller,
): { readonly id: TokenId; readonly reason: RevocationReason } {
  const violations = new Violations();
  const id = takeOwnOr(violations, "id", request.id, caller);
  const reason = takeRevocationReason(violations, request.reason);
  return violations.settle({ id, reason });
}

/** Returns the parsed id. When the caller is a Patwarden token, an empty id means the caller. */
function takeOwnOr(violations: Violations, field: string, id: string, caller: Caller): TokenId | undefined {
  return caller.kind === "token" && id === "" ? caller.id : violations.take(field, parseTokenId(id));
}

function checkLabelsOf(violations: Violations, field: string, labels: Readonly<Record<string, string>>): void {
  for (const { problem } of checkLabels(labels)) violations.add(field, problem);
}

const maxGraceMs = 7 * 86_400_000;

function takeGrace(violations: Violations, grace: Duration | undefined): number | undefined {
  if (!grace) return 0;
  const ms = Number(grace.seconds) * 1000 + Math.floor(grace.nanos / 1_000_000);
  if (ms >= 0 && ms <= maxGraceMs && grace.nanos >= 0 && grace.nanos <= 999_999_999) return ms;
  violations.add("grace", "must be 0 to 7 days");
  return undefined;
}

function takeLifetime(
  violations: Violations,
  lifetime: CreateTokenRequest["lifetime"] | RotateTokenRequest["lifetime"],
): Lifetime | undefined {
  switch (lifetime.case) {
    case undefined:
      return { kind: "default" };
    case "ttl":
      violations.take("ttl", parseTtl(seconds(lifetime.value)));
      return { kind: "ttl", ...seconds(lifetime.value) };
    case "expireTime": {
      const time = takeTime(violations, "expire_time", lifetime.value);
      return time && { kind: "date", time };
    }
    case "neverExpires":
      if (lifetime.value) return { kind: "never" };
      violations.add("never_expires", "must be true when set; omit it for the default lifetime");
      return undefined;
  }
}

function takeCidrs(violations: Violations, texts: readonly string[], path = "allowed_cidrs"): readonly string[] {
  if (texts.length > maxCidrs) {
    violations.add(path, `must have at most ${maxCidrs} entries`);
    return [];
  }
  return texts.flatMap((text, index) => violations.take(`${path}[${index}]`, parseCidr(text)) ?? []);
}
