import type { ManagingCaller } from "../access/caller.js";
import { Failure } from "../failure/failure.js";
import type { AuthorizationModel } from "../openfga/permission-checker.js";
import type { TokenFacts, TokenSnapshot } from "../store/token-store.js";
import { etagOf } from "../token/etag.js";
import { longestLifetimeMs } from "../token/lifetime.js";
import { currentSecret, type TokenId, type TokenRecord } from "../token/token.js";
import { tokenEvent } from "./audit.js";
import { type ChangeTokenOptions, changeToken, requireNotEnded } from "./change-token.js";
import { requireCompliance, requireWithinCeilings } from "./compliance.js";
import { requireClaims } from "./create-token.js";
import { checkGrantAgainstModel } from "./grant-in-model.js";
import { approvalOfWidened, widens } from "./widening.js";

/** What a caller may write. */
export type TokenUpdate = Partial<Omit<TokenFacts, "approval" | "suspension" | "revocation">>;

export interface UpdateTokenOptions extends ChangeTokenOptions {
  readonly model: () => AuthorizationModel;
}

/** Changes what `update` names. Widening an approved token, or one whose policy asks for approval, sends it to approval. */
export function updateToken(
  options: UpdateTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  update: TokenUpdate,
  etag: string,
): Promise<TokenSnapshot> {
  if (update.claims) requireClaims(caller);
  return changeToken(options, caller, id, "create", (current, now) => {
    const { token } = current;
    requireNotEnded(current, now);
    if (etag !== "" && etag !== etagOf(token)) throw new Failure("ETAG_MISMATCH");
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
    // What is only narrowed, or only named anew, may stay as much out of policy as it was.
    if (wider) {
      const secret = currentSecret(token);
      if (secret) requireCompliance(current, next, secret);
      requireWithinCeilings(caller, next, now);
    }
    const facts = { ...update, ...(wider && approvalOfWidened(token, current)) };
    return { facts, event: tokenEvent({ caller, time: now }, "token.updated", token, facts) };
  });
}
