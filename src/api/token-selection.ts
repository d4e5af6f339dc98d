import {
  type GetTokenSummaryRequest,
  type ListTokensRequest,
  RevocationReason,
  type RevokeTokensRequest,
  Token_State,
  type TokenFilter,
  TokenKind as TokenKindMessage,
} from "#gen/patwarden/v1/token_pb.js";
import { parseActor, parseSubject, type SubjectTypes } from "../domain/identifier.js";
import { parseTokenId } from "../domain/ids.js";
import type { TokenState } from "../domain/state.js";
import { type RevocationReason as Reason, revocationReasons, type TokenId, type TokenKind } from "../domain/token.js";
import { newestFirst, type TokenOrder, tokenOrders } from "../domain/token-store.js";
import type { AskedFilter, ListTokensQuery } from "../manage/list-tokens.js";
import type { RevokeTokensCommand } from "../manage/revoke-tokens.js";
import { checkQuery, takeEnums, takeOrganization, takeRevocationReason, takeSubject, takeTime } from "./fields.js";
import { Violations } from "./violations.js";

/*
 * Requests about several tokens. Each exported function converts a request to the input of its use-case, or throws
 * INVALID_FIELD with all violations.
 */

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
  const states = takeEnums(violations, `${path}states`, filter.states, parseState, "a known state");
  const reasons = takeEnums(
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
  checkQuery(violations, query, `${path}query`);
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

export function parseRevokeTokens(request: RevokeTokensRequest, subjectTypes: SubjectTypes): RevokeTokensCommand {
  const violations = new Violations();
  const target = takeTarget(violations, request.target, subjectTypes);
  const createdBefore = takeTime(violations, "created_before", request.createdBefore);
  const reason = takeRevocationReason(violations, request.reason);
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

function parseRevocationReason(reason: RevocationReason): Reason | undefined {
  return revocationReasons.find((name) => RevocationReason[name] === reason);
}
