import { isDeepStrictEqual } from "node:util";
import { tokenEvent } from "../audit/change-event.js";
import { type ManagingCaller, namesOf } from "../callers/caller.js";
import { type Hands, handsAfterUpdate } from "../domain/approval.js";
import { Failure } from "../domain/errors.js";
import { etagOf } from "../domain/etag.js";
import { earlier, longestLifetimeMs } from "../domain/lifetime.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { currentSecret, type TokenId, type TokenRecord } from "../domain/token.js";
import type { TokenFacts, TokenSnapshot } from "../domain/token-store.js";
import { requireClaims } from "./create-token.js";
import { type ChangeTokenOptions, changeToken, requireNotEnded } from "./rules/change-token.js";
import { requireCompliance, requireWithinCeilings } from "./rules/compliance.js";
import { checkGrantAgainstModel } from "./rules/grant-in-model.js";
import { approvalOfWidened, widens } from "./rules/widening.js";

/** What a caller may write. */
export type TokenUpdate = Partial<Omit<TokenFacts, "approval" | "suspension" | "revocation" | "expired" | keyof Hands>>;

export interface UpdateTokenOptions extends ChangeTokenOptions {
  readonly model: () => AuthorizationModel;
}

/**
 * Changes what `wanted` names; what is so already is no change. Widening an approved token, or one whose policy asks
 * for approval, sends it to approval.
 */
export function updateToken(
  options: UpdateTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  wanted: TokenUpdate,
  etag: string,
): Promise<TokenSnapshot> {
  if (wanted.claims) requireClaims(caller);
  return changeToken(options, caller, id, "create", (current, now) => {
    const { token } = current;
    requireNotEnded(current, now);
    if (etag !== "" && etag !== etagOf(token)) throw new Failure("ETAG_MISMATCH");
    const end = "expireTime" in wanted ? endOf(token, wanted.expireTime, now) : {};
    const update = differencesOf(token, { ...wanted, ...end });
    if (Object.keys(update).length === 0) return undefined;
    const next: TokenRecord = { ...token, ...update };
    if (next.notBefore && next.expireTime && next.notBefore >= next.expireTime) {
      throw new Failure("INVALID_FIELD", {
        violations: [{ field: "token.not_before", description: "must be before the token expires" }],
      });
    }
    if (update.expireTime && update.expireTime.getTime() - now.getTime() > longestLifetimeMs) {
      throw new Failure("INVALID_FIELD", {
        violations: [{ field: "token.expire_time", description: "must be at most 10 years (3652 days) away" }],
      });
    }
    if (update.grant) {
      const kind = token.kind === "pat" ? "user" : "organization";
      checkGrantAgainstModel(options.model(), { name: token.subject, kind }, update.grant, "token.grant");
    }
    const wider = widens(token, next);
    // What is only narrowed, or only renamed, may stay as much out of policy as it was.
    if (wider) {
      const secret = currentSecret(token);
      if (secret) requireCompliance(current, next, secret);
      requireWithinCeilings(caller, next, now);
    }
    const facts = { ...update, ...(wider && approvalOfWidened(token, current)) };
    const event = tokenEvent({ caller, time: now }, "token.updated", token, facts);
    const pending = token.approval?.state === "pending";
    return { facts: { ...facts, ...handsAfterUpdate(token, namesOf(caller), { wider, pending }) }, event };
  });
}

/**
 * An end that is not in the future is now, unless the token has ended before, and marked: it takes the token away at
 * once, on replicas whose clock is behind ours as well. One in the future is a time like any other, by each replica's
 * own clock. What is kept of ended tokens is deleted some time after their end, so a date that its holder writes must
 * not make it older.
 */
function endOf(
  token: Pick<TokenRecord, "expireTime">,
  wanted: Date | undefined,
  now: Date,
): Pick<TokenFacts, "expireTime" | "expired"> {
  if (!wanted || wanted > now) return { expireTime: wanted, expired: false };
  return { expireTime: earlier(token.expireTime, now), expired: true };
}

function differencesOf(token: TokenRecord, update: Partial<TokenFacts>): Partial<TokenFacts> {
  const differs = ([name, value]: [string, unknown]): boolean =>
    !isDeepStrictEqual(token[name as keyof TokenFacts], value); // a name of the update
  return Object.fromEntries(Object.entries(update).filter(differs));
}
