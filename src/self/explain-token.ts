import type { Caller } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { type ExplainOptions, type ExplainQuestion, type Explanation, explainSteps } from "../check/explain-token.js";
import type { CallOptions } from "../domain/call-options.js";
import type { Clock } from "../domain/clock.js";
import type { TokenId } from "../domain/token.js";
import type { TokenStore } from "../domain/token-store.js";

export interface ExplainTokenOptions extends ExplainOptions {
  readonly store: Pick<TokenStore, "get">;
  readonly rights: Rights;
  /** Fails while this machine's clock is wrong, as in a Check. */
  readonly clock: Clock;
}

/**
 * Explains a token that the caller may see, as it is stored now. An administrator of an organization learns of a
 * member's token only what the token reaches, and nothing else of the member's permissions. Throws NOT_FOUND as
 * GetToken does.
 */
export async function explainToken(
  options: ExplainTokenOptions,
  caller: Caller,
  id: TokenId,
  question: Omit<ExplainQuestion, "onlyWithinToken">,
  call: CallOptions,
): Promise<Explanation> {
  const { snapshot, rank } = await options.rights.require(options.store, caller, id, "read");
  const onlyWithinToken = rank === "organization" && snapshot.token.kind === "pat";
  return explainSteps(options, snapshot, { ...question, onlyWithinToken }, options.clock.now(), call);
}
