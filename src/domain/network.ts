import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type { Parsed } from "./identifier.js";

/** The address that a bearer's request came from. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

type Range = readonly [network: Address, bits: number];

const addressRule = "must be an IPv4 or IPv6 address, without port and zone";
const cidrRule = "must be a range such as 192.0.2.0/24 or 2001:db8::/32, with no bits set after the prefix";

/** Parses an address without port and zone. An IPv4-mapped IPv6 address becomes the IPv4 address that it maps. */
export function parseAddress(text: string): Parsed<Address> {
  const address = readAddress(text);
  if (!address) return { ok: false, problem: addressRule };
  return { ok: true, value: isMapped(address) ? address.toIPv4Address() : address };
}

/** Returns whether a host is this machine, IPv6 with or without brackets. Other names may resolve to any address. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === "localhost") return true;
  const parsed = parseAddress(host.replace(/^\[(.*)\]$/, "$1"));
  return parsed.ok && parsed.value.range() === "loopback";
}

/**
 * Returns whether nobody on the way can read what is sent to a URL: https, or http to this machine. Takes a URL instead
 * of a text, since only the parser knows what `HTTP://`, `http:\\` and `http://2130706433` mean.
 */
export function isConfidential({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

/**
 * Parses the address of the other end of a socket, as Node reports it. The zone (RFC 4007 §11) is dropped: it names a
 * link of this machine, and no range contains a zone. Returns undefined when the peer has disconnected.
 */
export function peerAddress(remoteAddress: string | undefined): Address | undefined {
  const parsed = parseAddress((remoteAddress ?? "").replace(/^([^%]*:[^%]*)%[\w.~-]+$/, "$1"));
  return parsed.ok ? parsed.value : undefined;
}

/**
 * Parses the address in an item of `X-Forwarded-For`. Some proxies add the port of the connection (RFC 7239 §6: IPv6 is
 * then in brackets). Returns undefined when the item has no address, such as `unknown`, `_hidden` or an empty item.
 */
export function forwardedAddress(item: string): Address | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([0-9.]+))(?::\d{1,5})?$/.exec(item) ?? [];
  return peerAddress(bracketed ?? plain ?? item);
}

/**
 * Parses an address range into canonical text (RFC 5952). IPv4 ranges must be written as IPv4: IPv4-mapped addresses
 * are converted before they are compared.
 */
export function parseCidr(text: string): Parsed<string> {
  const slash = text.indexOf("/");
  const network = readAddress(text.slice(0, Math.max(slash, 0)));
  const prefix = text.slice(slash + 1);
  if (!network || isMapped(network) || !/^(0|[1-9]\d{0,2})$/.test(prefix)) return { ok: false, problem: cidrRule };
  const bits = Number(prefix);
  const canonical = `${network.toString()}/${bits}`;
  const parser = network.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
  if (!parser.isValidCIDR(canonical)) return { ok: false, problem: cidrRule };
  return parser.networkAddressFromCIDR(canonical).toString() === network.toString()
    ? { ok: true, value: canonical }
    : { ok: false, problem: cidrRule };
}

/**
 * Returns whether one of the ranges, canonical as `parseCidr` returns them, contains the address. Without ranges, any
 * network is allowed, even an unknown one.
 */
export function networkAllows(cidrs: readonly string[], address: Address | undefined): boolean {
  if (cidrs.length === 0) return true;
  if (!address) return false;
  return rangesOf(cidrs).some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}

const compiled = new WeakMap<readonly string[], readonly Range[]>();

/** Parses the ranges once for each list. Lists are never changed in place. */
function rangesOf(cidrs: readonly string[]): readonly Range[] {
  let ranges = compiled.get(cidrs);
  if (!ranges) {
    ranges = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
    compiled.set(cidrs, ranges);
  }
  return ranges;
}

/** Parses an address if it is one for Node: ipaddr.js also accepts octal, hexadecimal and short IPv4. */
function readAddress(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes("%")) return undefined;
  // The deprecated ::192.0.2.1 (RFC 4291 §2.5.5.1) is not a mapped address, but ipaddr.js reads it as one.
  if (text.startsWith("::") && isIP(text.slice(2)) === 4) return undefined;
  return ipaddr.parse(text);
}

function isMapped(address: Address): address is ipaddr.IPv6 {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress();
}

/** Returns whether `outer` allows every address that `inner` allows. An empty list allows every address. */
export function cidrsWithin(inner: readonly string[], outer: readonly string[]): boolean {
  if (outer.length === 0) return true;
  const wider = rangesOf(outer);
  return inner.length > 0 && rangesOf(inner).every((range) => wider.some((each) => rangeWithin(range, each)));
}

/**
 * Returns the ranges that both lists contain, in canonical text. Two ranges are either disjoint or one contains the
 * other, so their common part is the smaller one.
 */
export function commonCidrs(left: readonly string[], right: readonly string[]): readonly string[] {
  const [leftRanges, rightRanges] = [rangesOf(left), rangesOf(right)];
  // `ranges` are those of `cidrs`, in the same order.
  const inside = (cidrs: readonly string[], ranges: readonly Range[], others: readonly Range[]) =>
    cidrs.filter((_, n) => others.some((other) => rangeWithin(ranges[n] as Range, other)));
  return [...new Set([...inside(left, leftRanges, rightRanges), ...inside(right, rightRanges, leftRanges)])];
}

function rangeWithin([address, bits]: Range, [network, outerBits]: Range): boolean {
  return bits >= outerBits && address.kind() === network.kind() && address.match(network, outerBits);
}
