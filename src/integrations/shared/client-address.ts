import type { IncomingMessage } from "node:http";
import { type Address, forwardedAddress, networkAllows, peerAddress } from "../../domain/network.js";
import { type RawHeaders, rawHeadersOf } from "./raw-headers.js";

/*
 * Where a request comes from, read out of X-Forwarded-For. Each proxy adds to its right end what it has seen, so the
 * right-most item that is no trusted proxy's is the client's, and what stands left of it anybody can write. Where an
 * item tells no address the client's is not known: what stands right of it is a proxy's own, and a token that is bound
 * to the proxies' network would be good from anywhere. RFC 7239's Forwarded is not read.
 */

/**
 * The address of a request over a port of ours; undefined when it is not known. Without trusted proxies (CIDR ranges)
 * it is the peer's, whatever that writes.
 */
export function clientAddress(
  request: Pick<IncomingMessage, "rawHeaders" | "socket">,
  trustedProxies: readonly string[],
): Address | undefined {
  const headers = () => rawHeadersOf(request);
  return addressBehind(peerAddress(request.socket.remoteAddress), headers, trustedProxies);
}

/**
 * The address of a request that came from this peer, to us or to a proxy that asks us. Undefined when it is not known.
 */
export function addressBehind(
  peer: Address | undefined,
  headers: () => RawHeaders,
  trustedProxies: readonly string[],
): Address | undefined {
  return isTrusted(peer, trustedProxies) ? rightMost(forwardedIn(headers()), trustedProxies) : peer;
}

/**
 * The address of a request that a proxy asks about, which has proven itself: the last item is what it has seen. Without
 * trusted proxies only a single item counts, for of several the last is a proxy's.
 */
export function addressForwarded(headers: RawHeaders, trustedProxies: readonly string[]): Address | undefined {
  const items = forwardedIn(headers);
  if (trustedProxies.length > 0) return rightMost(items, trustedProxies);
  const [only] = items;
  return only !== undefined && items.length === 1 ? forwardedAddress(only) : undefined;
}

function rightMost(items: readonly string[], trustedProxies: readonly string[]): Address | undefined {
  for (const item of items.toReversed()) {
    const address = forwardedAddress(item);
    if (!isTrusted(address, trustedProxies)) return address;
  }
  return undefined;
}

function isTrusted(address: Address | undefined, trustedProxies: readonly string[]): boolean {
  // No ranges would allow any address.
  return address !== undefined && trustedProxies.length > 0 && networkAllows(trustedProxies, address);
}

/** The items of every such header, in their order (RFC 9110 §5.3). */
function forwardedIn(headers: RawHeaders): readonly string[] {
  return headers.flatMap(([name, value]) =>
    name === "x-forwarded-for" ? value.split(",").map((item) => item.trim()) : [],
  );
}
