import type { IncomingMessage } from "node:http";
import { type Address, networkAllows, parseAddress } from "../token/network.js";
import { rawHeadersOf } from "./raw-headers.js";

/**
 * Where a request comes from: the peer, or, where that is one of the trusted proxies (CIDR ranges), what these say in `X-Forwarded-For`: the
 * right-most entry that is no trusted proxy itself. What stands left of it anybody can write. An entry that is no address, with a port for
 * instance, ends the search at the proxy that handed it on. Undefined: the peer has gone.
 */
export function clientAddress(
  request: Pick<IncomingMessage, "rawHeaders" | "socket">,
  trustedProxies: readonly string[],
): Address | undefined {
  let address = addressOf(request.socket.remoteAddress);
  const forwarded = rawHeadersOf(request)
    .flatMap(([name, value]) => (name === "x-forwarded-for" ? value.split(",") : []))
    .reverse();
  for (const entry of forwarded) {
    // No ranges would allow any address.
    if (!address || trustedProxies.length === 0 || !networkAllows(trustedProxies, address)) break;
    const before = addressOf(entry.trim());
    if (!before) break;
    address = before;
  }
  return address;
}

function addressOf(text: string | undefined): Address | undefined {
  const parsed = parseAddress(text ?? "");
  return parsed.ok ? parsed.value : undefined;
}
