import { createHash } from "node:crypto";
import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type ApproveTokenRequest,
  type CreateTokenRequest,
  CreateTokenRequestSchema,
  type GetTokenRequest,
  type GetTokenSummaryRequest,
  type Grant as GrantMessage,
  type ListTokensRequest,
  RevocationReason,
  type RevokeSecretRequest,
  type RevokeTokenRequest,
  type RevokeTokensRequest,
  type RotateTokenRequest,
  RotateTokenRequestSchema,
  type Token,
  Token_State,
  type TokenFilter,
  TokenKind as TokenKindMessage,
  type UpdateTokenRequest,
} from "#gen/patwarden/v1/token_pb.js";
import { actorOf, type Caller, viaOf } from "../callers/caller.js";
import { parseGrant } from "../domain/grant.js";
import { parseActor, parseSubject, type Subject, type SubjectName, type SubjectTypes } from "../domain/identifier.js";
import { parseSecretId, parseTokenId } from "../domain/ids.js";
import { type Lifetime, parseTimestamp, parseTtl } from "../domain/lifetime.js";
import { parseCidr } from "../domain/network.js";
import type { TokenState } from "../domain/state.js";
import { checkLabels, checkText } from "../domain/text.js";
import {
  type Grant,
  type RevocationReason as RequestedReason,
  revocationReasons,
  type SecretId,
  type TokenId,
  type TokenKind,
} from "../domain/token.js";
import { newestFirst, type RequestKey, type TokenOrder, tokenOrders } from "../domain/token-store.js";
import type { CreateTokenCommand } from "../manage/create-token.js";
import type { AskedFilter, ListTokensQuery } from "../manage/list-tokens.js";
import type { RevokeTokensCommand } from "../manage/revoke-tokens.js";
import type { RotateTokenCommand } from "../manage/rotate-token.js";
import type { TokenUpdate, UpdateTokenCommand } from "../manage/update-token.js";
import { Violations } from "./violations.js";

const maxName = 100;
const maxDescription = 500;
const maxCidrs = 32;
const maxQuery = 100;

/*
 * Each exported function converts a request to the input of its use-case, or throws INVALID_FIELD with all violations.
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

export function parseRevokeTokens(request: RevokeTokensRequest, subjectTypes: SubjectTypes): RevokeTokensCommand {
  const violations = new Violations();
  const target = takeTarget(violations, request.target, subjectTypes);
  const createdBefore = takeTime(violations, "created_before", request.createdBefore);
  const reason = requestedReason(request.reason);
  if (!reason) violations.add("reason", "must be REQUESTED, LEAKED or ADMINISTRATIVE");
  if (request.expectedCount < 0) violations.add("expected_count", "must not be negative");
  const { expectedCount, validateOnly } = request;
  if ((target?.kind === "everything" || target?.kind === "filter") && expectedCount === 0 && !validateOnly) {
    violations.add("expected_count", `is required for ${target.kind}; a call with validate_only returns it`);
  }
  if (target?.kind === "ids" && createdBefore) violations.add("created_before", "must be absent for ids");
  return {
    ...violations.settle({ target, reason }),
    createdBefore,
    validateOnly,
    expectedCount: expectedCount === 0 ? undefined : expectedCount,
  };
}

export function parseGetToken(request: GetTokenRequest): { readonly id: TokenId } {
  const violations = new Violations();
  return violations.settle({ id: violations.take("id", parseTokenId(request.id)) });
}

export function parseListTokens(request: ListTokensRequest, subjectTypes: SubjectTypes): ListTokensQuery {
  const violations = new Violations();
  const filter = takeFilter(violations, request, subjectTypes);
  const pageSize = violations.takePageSize(request.pageSize);
  const order = takeOrder(violations, request.orderBy);
  return {
    ...violations.settle({ order }),
    filter,
    pageSize,
    pageToken: request.pageToken,
  };
}

export function parseGetTokenSummary({ filter }: GetTokenSummaryRequest, subjectTypes: SubjectTypes): AskedFilter {
  const violations = new Violations();
  const parsed = filter ? takeFilter(violations, filter, subjectTypes, "filter.") : {};
  violations.settle({});
  return parsed;
}

/** ListTokensRequest has the fields of the message TokenFilter too. `path` is put before the names of fields. */
function takeFilter(
  violations: Violations,
  filter: Omit<TokenFilter, "$typeName" | "$unknown">,
  subjectTypes: SubjectTypes,
  path = "",
): AskedFilter {
  const { bound, blocked, full, neverExpires, query } = filter;
  const subject = takeSubject(violations, `${path}subject`, filter.subject, subjectTypes);
  const states = takeEach(violations, `${path}states`, filter.states, parseState, "a known state");
  const reasons = takeEach(
    violations,
    `${path}revocation_reasons`,
    filter.revocationReasons,
    parseRevocationReason,
    "a known reason",
  );
  const createdBy =
    filter.createdBy === ""
      ? undefined
      : violations.take(`${path}created_by`, parseActor(filter.createdBy, subjectTypes));
  const expireBefore = takeTime(violations, `${path}expire_before`, filter.expireBefore);
  const unusedSince = takeTime(violations, `${path}last_used_before`, filter.lastUsedBefore);
  const organization = takeOrganization(violations, filter.organization, subjectTypes, `${path}organization`);
  violations.check(`${path}query`, checkText(query, { max: maxQuery }));
  const kind = takeKind(violations, `${path}kind`, filter.kind);
  return {
    ...(subject && { subject: subject.name }),
    ...(states.length > 0 && { states }),
    ...(createdBy !== undefined && { createdBy }),
    ...(expireBefore && { expireBefore }),
    ...(unusedSince && { unusedSince }),
    ...(organization && { organization }),
    ...(query !== "" && { query }),
    ...(kind && { kind }),
    ...(bound !== undefined && { bound }),
    ...(blocked !== undefined && { blocked }),
    ...(full !== undefined && { full }),
    ...(neverExpires !== undefined && { neverExpires }),
    ...(reasons.length > 0 && { revocationReasons: reasons }),
  };
}

/** Returns undefined for both kinds. */
function takeKind(violations: Violations, path: string, kind: TokenKindMessage): TokenKind | undefined {
  switch (kind) {
    case TokenKindMessage.UNSPECIFIED:
      return undefined;
    case TokenKindMessage.USER:
      return "pat";
    case TokenKindMessage.ORGANIZATION:
      return "oat";
    default:
      violations.add(path, "must be TOKEN_KIND_USER or TOKEN_KIND_ORGANIZATION when set");
      return undefined;
  }
}

/** Parses the entries of a list. An entry that is not known is a violation, which says what it must be. */
function takeEach<E, T>(
  violations: Violations,
  path: string,
  entries: readonly E[],
  parse: (entry: E) => T | undefined,
  what: string,
): readonly T[] {
  return entries.flatMap((entry, index) => {
    const known = parse(entry);
    if (known === undefined) violations.add(`${path}[${index}]`, `must be ${what}, and not UNSPECIFIED`);
    return known === undefined ? [] : [known];
  });
}

/** Parses `order_by` as AIP-132 writes it, with one field: `name` or `name desc`. */
function takeOrder(violations: Violations, text: string): TokenOrder | undefined {
  const [field = "", direction, ...rest] = text.split(" ").filter((word) => word !== "");
  if (text === "") return newestFirst;
  const by = tokenOrders.find((known) => known === field);
  if (by && rest.length === 0 && (direction === undefined || direction === "desc")) {
    return { by, descending: direction === "desc" };
  }
  violations.add("order_by", `must be one of ${tokenOrders.join(", ")}, alone or followed by " desc"`);
  return undefined;
}

export function parseRevokeToken(
  request: RevokeTokenRequest,
  caller: Caller,
): { readonly id: TokenId; readonly reason: RequestedReason } {
  const violations = new Violations();
  const id = takeOwnOr(violations, "id", request.id, caller);
  const reason = requestedReason(request.reason);
  if (!reason) violations.add("reason", "must be REQUESTED, LEAKED or ADMINISTRATIVE");
  return violations.settle({ id, reason });
}

/** Returns the parsed id. When the caller is a Patwarden token, an empty id means the caller. */
function takeOwnOr(violations: Violations, field: string, id: string, caller: Caller): TokenId | undefined {
  return caller.kind === "token" && id === "" ? caller.id : violations.take(field, parseTokenId(id));
}

export function takeSubject(
  violations: Violations,
  field: string,
  text: string,
  types: SubjectTypes,
): Subject | undefined {
  return text === "" ? undefined : violations.take(field, parseSubject(text, types));
}

export function takeOrganization(
  violations: Violations,
  text: string,
  types: SubjectTypes,
  path = "organization",
): SubjectName | undefined {
  const subject = takeSubject(violations, path, text, types);
  if (subject && subject.kind !== "organization") violations.add(path, `must be of type ${types.organization}`);
  return subject?.name;
}

function checkLabelsOf(violations: Violations, field: string, labels: Readonly<Record<string, string>>): void {
  for (const { problem } of checkLabels(labels)) violations.add(field, problem);
}

function takeTarget(
  violations: Violations,
  target: RevokeTokensRequest["target"],
  types: SubjectTypes,
): RevokeTokensCommand["target"] | undefined {
  switch (target.case) {
    case "subject": {
      const subject = violations.take("subject", parseSubject(target.value, types));
      return subject && { kind: "subject", subject: subject.name };
    }
    case "organization": {
      if (target.value === "") violations.add("organization", "must not be empty");
      const organization = takeOrganization(violations, target.value, types);
      return organization && { kind: "organization", organization };
    }
    case "everything":
      if (target.value) return { kind: "everything" };
      violations.add("everything", "must be true when set");
      return undefined;
    case "ids": {
      const ids = takeIds(violations, target.value.ids);
      return ids && { kind: "ids", ids };
    }
    case "filter":
      return { kind: "filter", filter: takeFilter(violations, target.value, types, "filter.") };
    default:
      violations.add("target", "is required: subject, organization, everything, ids or filter");
      return undefined;
  }
}

const maxIds = 500;

function takeIds(violations: Violations, texts: readonly string[]): readonly TokenId[] | undefined {
  if (texts.length === 0 || texts.length > maxIds) {
    violations.add("ids.ids", `must have 1 to ${maxIds} entries`);
    return undefined;
  }
  const seen = new Set<string>();
  return texts.flatMap((text, index) => {
    const path = `ids.ids[${index}]`;
    if (seen.has(text)) violations.add(path, "must not be a repetition of an entry before");
    seen.add(text);
    return violations.take(path, parseTokenId(text)) ?? [];
  });
}

const maxGraceMs = 7 * 86_400_000;

function takeGrace(violations: Violations, grace: Duration | undefined): number | undefined {
  if (!grace) return 0;
  const ms = Number(grace.seconds) * 1000 + Math.floor(grace.nanos / 1_000_000);
  if (ms >= 0 && ms <= maxGraceMs && grace.nanos >= 0 && grace.nanos <= 999_999_999) return ms;
  violations.add("grace", "must be 0 to 7 days");
  return undefined;
}

/** Returns the key for idempotent retries: the caller, the request id and a fingerprint of the rest of the request. */
function takeRequestKey<D extends DescMessage>(
  violations: Violations,
  schema: D,
  request: MessageShape<D> & { readonly requestId: string },
  caller: Caller,
): RequestKey | undefined {
  const { requestId } = request;
  if (requestId === "") return undefined;
  if (!uuid.test(requestId)) {
    violations.add("request_id", "must be a UUID");
    return undefined;
  }
  // `toJson` throws for some times that a request can hold; those are violations already.
  if (!violations.isEmpty) return undefined;
  const rest = toJson(schema, { ...request, requestId: "" });
  const fingerprint = createHash("sha256")
    // The service in between is part of the request: another service must not get the secret by repeating it.
    .update(canonicalJson([schema.typeName, rest, viaOf(caller) ?? ""]))
    .digest();
  return { caller: actorOf(caller), requestId: requestId.toLowerCase(), fingerprint };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Writes JSON with sorted keys: maps arrive in any order, and the same request must have the same text. */
function canonicalJson(value: JsonValue): string {
  return JSON.stringify(value, (_key, node: JsonValue) =>
    node !== null && typeof node === "object" && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
      : node,
  );
}

export function takeGrant(
  violations: Violations,
  message: GrantMessage | undefined,
  path = "grant",
): Grant | undefined {
  const parsed = parseGrant({ full: message?.full ?? false, rules: message?.rules ?? [] });
  if (parsed.ok) return parsed.grant;
  for (const { field, description } of parsed.violations) {
    violations.add(field === "" ? path : `${path}.${field}`, description);
  }
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

function takeTime(violations: Violations, field: string, message: Timestamp | undefined): Date | undefined {
  return message && violations.take(field, parseTimestamp(seconds(message)));
}

function seconds(message: Duration | Timestamp): { readonly seconds: bigint; readonly nanos: number } {
  return { seconds: message.seconds, nanos: message.nanos };
}

function takeCidrs(violations: Violations, texts: readonly string[], path = "allowed_cidrs"): readonly string[] {
  if (texts.length > maxCidrs) {
    violations.add(path, `must have at most ${maxCidrs} entries`);
    return [];
  }
  return texts.flatMap((text, index) => violations.take(`${path}[${index}]`, parseCidr(text)) ?? []);
}

function parseState(state: Token_State): TokenState | undefined {
  switch (state) {
    case Token_State.ACTIVE:
      return "ACTIVE";
    case Token_State.EXPIRED:
      return "EXPIRED";
    case Token_State.REVOKED:
      return "REVOKED";
    case Token_State.PENDING_APPROVAL:
      return "PENDING_APPROVAL";
    case Token_State.SUSPENDED:
      return "SUSPENDED";
    case Token_State.DENIED:
      return "DENIED";
    default:
      return undefined;
  }
}

function parseRevocationReason(reason: RevocationReason): RequestedReason | undefined {
  return revocationReasons.find((name) => RevocationReason[name] === reason);
}

function requestedReason(reason: RevocationReason): RequestedReason | undefined {
  switch (reason) {
    case RevocationReason.UNSPECIFIED:
    case RevocationReason.REQUESTED:
      return "REQUESTED";
    case RevocationReason.LEAKED:
      return "LEAKED";
    case RevocationReason.ADMINISTRATIVE:
      return "ADMINISTRATIVE";
    default:
      return undefined;
  }
}
