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

/** Explains a token that the caller may see, as it is stored now. Throws NOT_FOUND as GetToken does. */
export async function explainToken(
  options: ExplainTokenOptions,
  caller: Caller,
  id: TokenId,
  question: ExplainQuestion,
  call: CallOptions,
): Promise<Explanation> {
  const { snapshot } = await options.rights.require(options.store, caller, id, "read");
  return explainSteps(options, snapshot, question, options.clock.now(), call);
}
