import type { IncomingMessage } from "node:http";
import { type Address, forwardedAddress, networkAllows, peerAddress } from "../../domain/network.js";
import { type RawHeaders, rawHeadersOf } from "./raw-headers.js";

/*
 * The client address of a request, read from X-Forwarded-For. Each proxy adds the address that it sees at the right
 * end. So the right-most item that is not a trusted proxy is the client, and anybody can write the items to the left of
 * it. If an item has no address, the client's address is unknown: the items to the right of it are proxies, and with
 * one of these addresses a token that is bound to the proxies' network would be valid from anywhere. The header
 * Forwarded of RFC 7239 is not read.
 */

/**
 * Returns the client address of a request to one of our ports, or undefined when it is unknown. Without trusted proxies
 * (CIDR ranges), it is the address of the peer, whatever headers the peer sends.
 */
export function clientAddress(
  request: Pick<IncomingMessage, "rawHeaders" | "socket">,
  trustedProxies: readonly string[],
): Address | undefined {
  const headers = () => rawHeadersOf(request);
  return addressBehind(peerAddress(request.socket.remoteAddress), headers, trustedProxies);
}

/**
 * Returns the client address of a request that came from this peer, to us or to a proxy that asks us, or undefined when
 * it is unknown.
 */
export function addressBehind(
  peer: Address | undefined,
  headers: () => RawHeaders,
  trustedProxies: readonly string[],
): Address | undefined {
  return isTrusted(peer, trustedProxies) ? rightMost(forwardedIn(headers()), trustedProxies) : peer;
}

/**
 * Returns the client address of a request that an authenticated proxy asks about. The last item is the address that the
 * proxy sees. Without trusted proxies, only a single item counts, since the last of several would be the address of
 * another proxy.
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
  // Without ranges, `networkAllows` would allow any address.
  return address !== undefined && trustedProxies.length > 0 && networkAllows(trustedProxies, address);
}

/** Returns the items of all X-Forwarded-For headers, in their order (RFC 9110 §5.3). */
function forwardedIn(headers: RawHeaders): readonly string[] {
  return headers.flatMap(([name, value]) =>
    name === "x-forwarded-for" ? value.split(",").map((item) => item.trim()) : [],
  );
}
