import type { CallOptions } from "../domain/call-options.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { grantedResources } from "../domain/grant.js";
import type { Reason } from "../domain/reason.js";
import type { ResolvedToken } from "../domain/token-store.js";
import { unrecognized } from "./decision.js";
import { type Listing, nothing, type ReachOptions, type ReachQuestion, reach } from "./reach.js";
import type { TokenResolver } from "./token-resolver.js";
import { complies, judgeToken } from "./token-rules.js";

/** A question for the resources of a type on which a token allows an action. The model knows type and action. */
export interface ListQuestion extends ReachQuestion {
  /** The token as the bearer sent it, not checked yet. */
  readonly token: string;
}

export interface ListResourcesOptions extends ReachOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly clock: Clock;
  /** Called when a list is allowed. Must not wait and not throw. */
  readonly onUse?: (token: ResolvedToken, question: ListQuestion) => void;
  /** Called when a superseded secret is used. Must not wait and not throw. */
  readonly onSuperseded?: (token: ResolvedToken) => void;
}

/**
 * Returns the resources of the type for which a Check would allow. A failure before the first page is returned; the
 * promise never rejects.
 */
export async function listResources(
  options: ListResourcesOptions,
  question: ListQuestion,
  callOptions: CallOptions & { readonly signal?: AbortSignal },
): Promise<Listing | Failure> {
  const { action, type } = question;
  const resolution = await options.tokens.resolve(question.token, callOptions);
  if (resolution.kind !== "known") {
    const verdict = unrecognized(resolution);
    return verdict instanceof Failure ? verdict : nothing(verdict.reason);
  }
  const { token } = resolution;
  const granted = grantedResources(token.grant, action, type).length > 0;
  const refusal = judgeList(token, question, granted, options.clock.now().getTime());
  if (refusal === "TOKEN_SUPERSEDED") options.onSuperseded?.(token);
  if (refusal) return nothing(refusal);

  const listing = await reach(options, token, question, callOptions);
  if (!(listing instanceof Failure) && listing.reason === "ALLOWED") options.onUse?.(token, question);
  return listing;
}

/** Runs steps 3 to 6 for a list and returns the first refusal, or undefined when OpenFGA has to decide. */
function judgeList(
  token: ResolvedToken,
  { action, clientAddress }: ListQuestion,
  granted: boolean,
  nowMs: number,
): Reason | undefined {
  const refusal = judgeToken(token, clientAddress, nowMs);
  if (refusal) return refusal;
  if (!granted) return "NOT_GRANTED";
  return complies(token, action) ? undefined : "POLICY";
}
