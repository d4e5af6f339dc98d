import { tokenEvent } from "../audit/change-event.js";
import { actorOf, type ManagingCaller } from "../callers/caller.js";
import { requireStepUp } from "../callers/step-up.js";
import { Failure } from "../domain/errors.js";
import { type Rank, ranks, type TokenId } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import { type ChangeTokenOptions, changeToken, requireNotEnded } from "./rules/change-token.js";

/**
 * Suspends a token until it is resumed. A repeat changes nothing, unless the caller has a higher rank: the suspension
 * is then the caller's.
 */
export function suspendToken(
  options: ChangeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  comment: string,
): Promise<TokenSnapshot> {
  return changeToken(options, caller, id, "revoke", (current, time, rank) => {
    if (!checkSuspension(current, time, rank)) return undefined;
    const facts = { suspension: { by: actorOf(caller), time, comment, rank } };
    return { facts, event: tokenEvent({ caller, time }, "token.suspended", current.token, facts) };
  });
}

/** Resumes a suspended token, unless a caller of a higher rank has suspended it. Repeating it changes nothing. */
export function resumeToken(
  options: ChangeTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  comment: string,
): Promise<TokenSnapshot> {
  return changeToken(options, caller, id, "revoke", (current, now, rank) => {
    if (!checkResumption(current, now, rank)) return undefined;
    requireStepUp(caller, now);
    const facts = { suspension: undefined };
    return { facts, event: tokenEvent({ caller, time: now }, "token.resumed", current.token, facts, { comment }) };
  });
}

/** Returns whether a suspension would change the token. Throws when the token has ended. */
export function checkSuspension(current: TokenSnapshot, now: Date, rank: Rank): boolean {
  requireNotEnded(current, now);
  const { suspension } = current.token;
  return !suspension || outranks(rank, suspension.rank);
}

/** Returns whether the token is suspended. Throws when it has ended, or a caller of a higher rank has suspended it. */
export function checkResumption(current: TokenSnapshot, now: Date, rank: Rank): boolean {
  requireNotEnded(current, now);
  const { suspension } = current.token;
  if (!suspension) return false;
  if (!outranks(suspension.rank, rank)) return true;
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "resume", suspendedBy: suspension.rank } });
}

function outranks(a: Rank, b: Rank): boolean {
  return ranks.indexOf(a) > ranks.indexOf(b);
}
