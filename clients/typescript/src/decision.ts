import { timestampDate } from "@bufbuild/protobuf/wkt";
import { PatwardenError } from "./errors.js";
import type { CheckResponse } from "./gen/patwarden/v1/authorization_pb.js";
import { Reason as ReasonEnum } from "./gen/patwarden/v1/reason_pb.js";

/** Why a decision came out as it did, as in `reason.proto`. One that this version of the client does not know yet is told by its number. */
export type Reason = Exclude<keyof typeof ReasonEnum, "UNSPECIFIED"> | `REASON_${number}`;

interface Answer {
  /** Treat one that you do not know by `allowed` and `tokenValid`. */
  readonly reason: Reason;
  /** Public id of the token, `tok_…`: it may be logged. Undefined when the token was not recognized. */
  readonly tokenId: string | undefined;
  /** The organization that the token is bound to, or is. */
  readonly organization: string | undefined;
  /** When the token ends by itself. Undefined when it never does, or was not recognized. */
  readonly expireTime: Date | undefined;
  /** The claims that were asked for and that the token has. */
  readonly claims: Readonly<Record<string, string>>;
}

/** Every step said yes. */
export interface Allowed extends Answer {
  readonly allowed: true;
  readonly tokenValid: true;
  /** Who the token acts as, `user:alice` or `organization:acme`. */
  readonly subject: string;
}

/** Some step said no. */
export interface Denied extends Answer {
  readonly allowed: false;
  /** False: the token is no good, answer 401. True: a good token that may not do this, answer 403. */
  readonly tokenValid: boolean;
  /** Who the token acts as. Undefined when it was not recognized. */
  readonly subject: string | undefined;
}

/** The answer to a check. That none could be made is never a decision but a PatwardenError. */
export type Decision = Allowed | Denied;

/** Throws PatwardenError for a message that is no decision, as an empty one is: it must not pass for a no. */
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

/** Throws PatwardenError for the one that is never sent. */
export function reasonOf(number: ReasonEnum): Reason {
  const name = ReasonEnum[number] as keyof typeof ReasonEnum | undefined;
  if (name === "UNSPECIFIED") throw noDecision();
  return name ?? `REASON_${number}`;
}

/** What the server would say of a text that is no secret. */
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
  return new PatwardenError({ code: "INTERNAL", text: "the reply holds no decision" });
}

function orUndefined(text: string): string | undefined {
  return text === "" ? undefined : text;
}
