import type { TokenCaller } from "../callers/caller.js";
import type { TokenResolver } from "../check/token-resolver.js";
import type { Clock } from "../domain/clock.js";
import type { Address } from "../domain/network.js";
import { isSuperseded } from "../domain/state.js";

/** How a Patwarden token proves itself as a caller. It can then manage nothing but itself. */
export interface TokenCallerOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly clock: Clock;
}

/**
 * The holder of a secret, or undefined for what is none of ours, superseded, or of a token that has ended. A suspended,
 * pending or expired token may still look at itself and end itself: possession is enough to destroy. `address` is where
 * it calls from, `deadline` an instant of `performance.now()`. Throws DATABASE_UNAVAILABLE or DEADLINE_EXCEEDED.
 */
export async function tokenCaller(
  { tokens, clock }: TokenCallerOptions,
  secret: string,
  address: Address | undefined,
  deadline: number | undefined,
): Promise<TokenCaller | undefined> {
  const resolution = await tokens.resolve(secret, { deadline });
  if (resolution.kind === "failed") throw resolution.failure;
  if (resolution.kind !== "known") return undefined;
  const { id, subject, secretId, standing, retireMs } = resolution.token;
  if (standing === "REVOKED" || isSuperseded({ standing, retireMs }, clock.now().getTime())) return undefined;
  return { kind: "token", id, subject, secretId, address };
}
