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
    requireNotEnded(current, time);
    const { suspension } = current.token;
    if (suspension && !outranks(rank, suspension.rank)) return undefined;
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
    requireNotEnded(current, now);
    const { suspension } = current.token;
    if (!suspension) return undefined;
    if (outranks(suspension.rank, rank)) {
      throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "resume", suspendedBy: suspension.rank } });
    }
    requireStepUp(caller, now);
    const facts = { suspension: undefined };
    return { facts, event: tokenEvent({ caller, time: now }, "token.resumed", current.token, facts, { comment }) };
  });
}

function outranks(a: Rank, b: Rank): boolean {
  return ranks.indexOf(a) > ranks.indexOf(b);
}
