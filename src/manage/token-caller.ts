import type { TokenCaller } from "../access/caller.js";
import type { Clock } from "../check/clock.js";
import type { TokenResolver } from "../check/token-resolver.js";
import { parseAddress } from "../token/network.js";

/** How a Patwarden token proves itself as a caller. It can then manage nothing but itself. */
export interface TokenCallerOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly clock: Clock;
}

/**
 * The holder of a secret, or undefined for what is none of ours, superseded, or of a token that has ended. A suspended, pending or expired token may
 * still look at itself and end itself: possession is enough to destroy. `peer` is its address, with or without port. Throws DATABASE_UNAVAILABLE.
 */
export async function tokenCaller(
  { tokens, clock }: TokenCallerOptions,
  secret: string,
  peer: string,
): Promise<TokenCaller | undefined> {
  const resolution = await tokens.resolve(secret);
  if (resolution.kind === "failed") throw resolution.failure;
  if (resolution.kind !== "known") return undefined;
  const { id, subject, secretId, standing, retireMs } = resolution.token;
  const superseded = retireMs !== undefined && retireMs <= clock.now().getTime();
  if (superseded || standing === "REVOKED") return undefined;
  const address = parseAddress(peer.replace(/^\[(.*)\]:\d+$|^([^:]*):\d+$/, "$1$2"));
  return {
    kind: "token",
    id,
    subject,
    secretId,
    address: address.ok ? address.value : undefined,
  };
}
