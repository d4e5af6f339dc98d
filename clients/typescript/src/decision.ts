import { timestampDate } from "@bufbuild/protobuf/wkt";
import { PatwardenError } from "./errors.js";
import type { CheckResponse } from "./gen/patwarden/v1/authorization_pb.js";
import { Reason as ReasonEnum } from "./gen/patwarden/v1/reason_pb.js";

/**
 * Why a decision is what it is, see `reason.proto`. A reason that this version does not know is shown by its number.
 */
export type Reason = Exclude<keyof typeof ReasonEnum, "UNSPECIFIED"> | `REASON_${number}`;

interface Answer {
  /** For a reason that you do not know, use `allowed` and `tokenValid`. */
  readonly reason: Reason;
  /** The public id of the token, `tok_…`, which may be logged. Undefined when the token was not recognized. */
  readonly tokenId: string | undefined;
  /** The organization that the token is bound to, or is. */
  readonly organization: string | undefined;
  /** When the token expires. Undefined when it never expires or was not recognized. */
  readonly expireTime: Date | undefined;
  /** The requested claims that the token has. */
  readonly claims: Readonly<Record<string, string>>;
}

/** A decision in which every step allowed the request. */
export interface Allowed extends Answer {
  readonly allowed: true;
  readonly tokenValid: true;
  /** Who the token acts as, `user:alice` or `organization:acme`. */
  readonly subject: string;
}

/** A decision in which a step refused the request. */
export interface Denied extends Answer {
  readonly allowed: false;
  /** False: the token cannot be used, answer 401. True: it can, but not for this, answer 403. */
  readonly tokenValid: boolean;
  /** Who the token acts as. Undefined when it was not recognized. */
  readonly subject: string | undefined;
}

/** The answer to a check. If none could be made, PatwardenError is thrown instead. */
export type Decision = Allowed | Denied;

/** Throws PatwardenError if the message is not a decision: an empty one must not count as a denial. */
export function decisionOf(response: CheckResponse): Decision {
  const { allowed, tokenValid } = response;
  const subject = orUndefined(response.subject);
  const answer = {
    reason: reasonOf(response.reason),
    tokenId: orUndefined(response.tokenId),
    organization: orUndefined(response.organization),
    expireTime: response.expireTime && timestampDate(response.expireTime),
    claims: response.claims,
  };
  if (!allowed) return { allowed, tokenValid, subject, ...answer };
  if (!tokenValid || subject === undefined) throw noDecision();
  return { allowed, tokenValid, subject, ...answer };
}

/** Throws PatwardenError for UNSPECIFIED, which is never sent. */
export function reasonOf(number: ReasonEnum): Reason {
  const name = ReasonEnum[number] as keyof typeof ReasonEnum | undefined;
  if (name === "UNSPECIFIED") throw noDecision();
  return name ?? `REASON_${number}`;
}

/** The server's answer to a malformed token. */
export const malformed: Denied = Object.freeze({
  allowed: false,
  tokenValid: false,
  reason: "TOKEN_MALFORMED",
  subject: undefined,
  tokenId: undefined,
  organization: undefined,
  expireTime: undefined,
  claims: Object.freeze({}),
});

export function noDecision(): PatwardenError {
  return new PatwardenError({ code: "INTERNAL", text: "the reply has no decision" });
}

function orUndefined(text: string): string | undefined {
  return text === "" ? undefined : text;
}
