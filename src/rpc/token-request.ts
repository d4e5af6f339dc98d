import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type CreateTokenRequest,
  type GetTokenRequest,
  type Grant as GrantMessage,
  type ListTokensRequest,
  RevocationReason,
  type RevokeTokenRequest,
  Token_State,
} from "#gen/patwarden/v1/token_pb.js";
import { parseSubject, type SubjectTypes } from "../identifier/identifier.js";
import { checkLabels, checkText } from "../identifier/text.js";
import type { CreateTokenCommand } from "../manage/create-token.js";
import type { ListTokensQuery } from "../manage/list-tokens.js";
import type { StoredState } from "../store/token-store.js";
import { parseGrant } from "../token/grant.js";
import { parseTokenId } from "../token/ids.js";
import { type Lifetime, parseTimestamp } from "../token/lifetime.js";
import { parseCidr } from "../token/network.js";
import type { Grant, RevocationReason as RequestedReason, TokenId } from "../token/token.js";
import { Violations } from "./violations.js";

const maxName = 100;
const maxDescription = 500;
const maxCidrs = 32;
const defaultPageSize = 50;
const maxPageSize = 1000;

/** Each function turns a request into what the use-case takes, or throws INVALID_FIELD with every violation. */
export function parseCreateToken(request: CreateTokenRequest, subjectTypes: SubjectTypes): CreateTokenCommand {
  const violations = new Violations();
  const subject = violations.take("subject", parseSubject(request.subject, subjectTypes));
  violations.check("name", checkText(request.name, { max: maxName, required: true }));
  violations.check("description", checkText(request.description, { max: maxDescription, multiline: true }));
  const grant = takeGrant(violations, request.grant);
  const lifetime = takeLifetime(violations, request.lifetime);
  const notBefore = takeTime(violations, "not_before", request.notBefore);
  const allowedCidrs = takeCidrs(violations, request.allowedCidrs);
  for (const field of ["metadata", "claims"] as const) {
    for (const { problem } of checkLabels(request[field])) violations.add(field, problem);
  }
  return {
    ...violations.settle({ subject, grant, lifetime }),
    name: request.name,
    description: request.description,
    notBefore,
    allowedCidrs,
    metadata: request.metadata,
    claims: request.claims,
  };
}

export function parseGetToken(request: GetTokenRequest): { readonly id: TokenId } {
  const violations = new Violations();
  return violations.settle({ id: violations.take("id", parseTokenId(request.id)) });
}

export function parseListTokens(request: ListTokensRequest, subjectTypes: SubjectTypes): ListTokensQuery {
  const violations = new Violations();
  const subject =
    request.subject === "" ? undefined : violations.take("subject", parseSubject(request.subject, subjectTypes));
  const states: StoredState[] = [];
  for (const [index, state] of request.states.entries()) {
    const known = storedState(state);
    if (known) states.push(known);
    else violations.add(`states[${index}]`, "must be STATE_ACTIVE, STATE_EXPIRED or STATE_REVOKED");
  }
  if (request.pageSize < 0 || request.pageSize > maxPageSize) {
    violations.add("page_size", `must be 1 to ${maxPageSize}, or 0 for ${defaultPageSize}`);
  }
  violations.check("created_by", checkText(request.createdBy, { max: 256 }));
  const expireBefore = takeTime(violations, "expire_before", request.expireBefore);
  violations.settle({});
  return {
    filter: {
      ...(subject && { subject: subject.name }),
      ...(states.length > 0 && { states }),
      ...(request.createdBy !== "" && { createdBy: request.createdBy }),
      ...(expireBefore && { expireBefore }),
    },
    pageSize: request.pageSize || defaultPageSize,
    pageToken: request.pageToken,
  };
}

export function parseRevokeToken(request: RevokeTokenRequest): {
  readonly id: TokenId;
  readonly reason: RequestedReason;
} {
  const violations = new Violations();
  const id = violations.take("id", parseTokenId(request.id));
  const reason = requestedReason(request.reason);
  if (!reason) violations.add("reason", "must be REQUESTED, LEAKED or ADMINISTRATIVE");
  return violations.settle({ id, reason });
}

function takeGrant(violations: Violations, message: GrantMessage | undefined): Grant | undefined {
  const parsed = parseGrant({ full: message?.full ?? false, rules: message?.rules ?? [] });
  if (parsed.ok) return parsed.grant;
  for (const { field, description } of parsed.violations) {
    violations.add(field === "" ? "grant" : `grant.${field}`, description);
  }
  return undefined;
}

function takeLifetime(violations: Violations, lifetime: CreateTokenRequest["lifetime"]): Lifetime | undefined {
  switch (lifetime.case) {
    case undefined:
      return { kind: "default" };
    case "ttl":
      return { kind: "ttl", ...seconds(lifetime.value) };
    case "expireTime": {
      const time = takeTime(violations, "expire_time", lifetime.value);
      return time && { kind: "date", time };
    }
    case "neverExpires":
      if (lifetime.value) return { kind: "never" };
      violations.add("never_expires", "must be true when set; leave it out to have the default lifetime");
      return undefined;
  }
}

function takeTime(violations: Violations, field: string, message: Timestamp | undefined): Date | undefined {
  return message && violations.take(field, parseTimestamp(seconds(message)));
}

function seconds(message: Duration | Timestamp): { readonly seconds: bigint; readonly nanos: number } {
  return { seconds: message.seconds, nanos: message.nanos };
}

function takeCidrs(violations: Violations, texts: readonly string[]): readonly string[] {
  if (texts.length > maxCidrs) {
    violations.add("allowed_cidrs", `must have at most ${maxCidrs} entries`);
    return [];
  }
  return texts.flatMap((text, index) => violations.take(`allowed_cidrs[${index}]`, parseCidr(text)) ?? []);
}

function storedState(state: Token_State): StoredState | undefined {
  switch (state) {
    case Token_State.ACTIVE:
      return "ACTIVE";
    case Token_State.EXPIRED:
      return "EXPIRED";
    case Token_State.REVOKED:
      return "REVOKED";
    default:
      return undefined;
  }
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
