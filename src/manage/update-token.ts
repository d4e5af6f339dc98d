import { isDeepStrictEqual } from "node:util";
import { tokenEvent } from "../audit/change-event.js";
import { type ManagingCaller, namesOf } from "../callers/caller.js";
import { requireStepUp } from "../callers/step-up.js";
import { type Hands, handsAfterUpdate } from "../domain/approval.js";
import { Failure } from "../domain/errors.js";
import { etagOf } from "../domain/etag.js";
import { typeOf } from "../domain/identifier.js";
import { earlier, longestLifetimeMs } from "../domain/lifetime.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { currentSecret, type TokenId, type TokenRecord } from "../domain/token.js";
import type { TokenFacts, TokenSnapshot } from "../domain/token-store.js";
import { requireClaims } from "./create-token.js";
import { type ChangeTokenOptions, changeToken, requireNotEnded } from "./rules/change-token.js";
import { exceededCeilings, exceededPolicies, refuseExceeded } from "./rules/compliance.js";
import { checkGrantAgainstModel } from "./rules/grant-in-model.js";
import { approvalOfWidened, widens } from "./rules/widening.js";

/** The facts that a caller may write. */
export type TokenUpdate = Partial<
  Omit<TokenFacts, "approval" | "approved" | "suspension" | "revocation" | "expired" | keyof Hands>
>;

export interface UpdateTokenOptions extends ChangeTokenOptions {
  readonly model: () => AuthorizationModel;
}

export interface UpdateTokenCommand {
  readonly id: TokenId;
  /** The facts to write. */
  readonly update: TokenUpdate;
  /** The etag that the token must have; empty: any. */
  readonly etag: string;
  /** Whether to change nothing, and return the token as it would be. */
  readonly validateOnly: boolean;
}

/**
 * Changes the facts in `update`; a fact that already has its value is not a change. Widening an approved token, or one
 * whose policy requires approval, makes it pending.
 */
export async function updateToken(
  options: UpdateTokenOptions,
  caller: ManagingCaller,
  { id, update: wanted, etag, validateOnly }: UpdateTokenCommand,
): Promise<TokenSnapshot> {
  if (wanted.claims) requireClaims(caller);
  let planned: Partial<TokenFacts> = {};
  const snapshot = await changeToken(options, caller, id, "create", (current, now) => {
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
      checkGrantAgainstModel(options.model(), typeOf(token.subject), update.grant, "token.grant");
    }
    const wider = widens(token, next);
    // Backends trust claims, and only they know which give more power.
    if (wider || update.claims) requireStepUp(caller, now);
    // A token that is only narrowed or renamed may violate the policy as much as before.
    if (wider) {
      const secret = currentSecret(token);
      const policies = secret ? exceededPolicies(current, next, secret) : [];
      refuseExceeded([...policies, ...exceededCeilings(caller, next, now)], "token.");
    }
    const facts = { ...update, ...(wider && approvalOfWidened(token, current)) };
    const event = tokenEvent({ caller, time: now }, "token.updated", token, facts);
    const pending = token.approval?.state === "pending";
    const hands = handsAfterUpdate(token, namesOf(caller), { wider, pending });
    if (!validateOnly) return { facts: { ...facts, ...hands }, event };
    planned = facts;
    return undefined;
  });
  return { ...snapshot, token: { ...snapshot.token, ...planned } };
}

/**
 * Returns the end to store. An end that is not in the future becomes now, unless the token has ended before, and sets
 * the flag: the token ends at once, even on replicas whose clocks are behind. An end in the future applies by each
 * replica's own clock. Ended tokens are deleted some time after their end, so a date that the holder writes must not
 * make the end look older.
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
