import type { TokenCaller } from "../callers/caller.js";
import type { TokenResolver } from "../check/token-resolver.js";
import type { Clock } from "../domain/clock.js";
import type { Address } from "../domain/network.js";
import { endedForGood } from "../domain/state.js";

/** How a Patwarden token authenticates as a caller. It can then manage only itself. */
export interface TokenCallerOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly clock: Clock;
}

/**
 * Returns the token of a secret as a caller, or undefined when the text is not a secret of ours, the secret was
 * superseded, or the token has ended. A suspended, pending or expired token may still read itself and revoke itself.
 * `address` is where it calls from, `deadline` an instant of `performance.now()`. Throws DATABASE_UNAVAILABLE or
 * DEADLINE_EXCEEDED.
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
  const { id, subject, secretId } = resolution.token;
  if (endedForGood(resolution.token, clock.now().getTime())) return undefined;
  return { kind: "token", id, subject, secretId, address };
}
