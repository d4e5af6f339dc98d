import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type { Parsed } from "./identifier.js";

/** Where a bearer's request came from. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

type Range = readonly [network: Address, bits: number];

const addressRule = "must be an IPv4 or IPv6 address, without port and zone";
const cidrRule = "must be a range such as 192.0.2.0/24 or 2001:db8::/32, with no bits set after the prefix";

/** An address without port and zone. An IPv4-mapped IPv6 address is the IPv4 address that it maps. */
export function parseAddress(text: string): Parsed<Address> {
  const address = readAddress(text);
  if (!address) return { ok: false, problem: addressRule };
  return { ok: true, value: isMapped(address) ? address.toIPv4Address() : address };
}

/** Whether a host is this machine. Names other than `localhost` may lead anywhere. IPv6 with or without brackets. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === "localhost") return true;
  const parsed = parseAddress(host.replace(/^\[(.*)\]$/, "$1"));
  return parsed.ok && parsed.value.range() === "loopback";
}

/**
 * Whether nobody on the way reads what is sent there: https, or http to this machine. It takes a URL and no text, since
 * `HTTP://`, `http:\\` and `http://2130706433` mean what only the parser knows.
 */
export function isConfidential({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

/**
 * The address of the other end of a socket, as Node tells it. Its zone (RFC 4007 §11) names a link of this machine,
 * which no range does. Undefined when the peer has gone.
 */
export function peerAddress(remoteAddress: string | undefined): Address | undefined {
  const parsed = parseAddress((remoteAddress ?? "").replace(/^([^%]*:[^%]*)%[\w.~-]+$/, "$1"));
  return parsed.ok ? parsed.value : undefined;
}

/**
 * The address in an item of `X-Forwarded-For`, which some proxies write with the port of the connection (RFC 7239 §6:
 * IPv6 then stands in brackets). Undefined when it tells none, as `unknown`, `_hidden` or nothing at all do.
 */
export function forwardedAddress(item: string): Address | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([0-9.]+))(?::\d{1,5})?$/.exec(item) ?? [];
  return peerAddress(bracketed ?? plain ?? item);
}

/**
 * An address range in canonical text (RFC 5952). IPv4 ranges must be written as such: addresses are unwrapped before
 * they are compared.
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
 * Whether one of the ranges, canonical as `parseCidr` gives them, holds the address. No ranges: any network, also an
 * unknown one.
 */
export function networkAllows(cidrs: readonly string[], address: Address | undefined): boolean {
  if (cidrs.length === 0) return true;
  if (!address) return false;
  return rangesOf(cidrs).some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}

const compiled = new WeakMap<readonly string[], readonly Range[]>();

/** Parsed once for each list; lists are never changed in place. */
function rangesOf(cidrs: readonly string[]): readonly Range[] {
  let ranges = compiled.get(cidrs);
  if (!ranges) {
    ranges = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
    compiled.set(cidrs, ranges);
  }
  return ranges;
}

/** Node's parser decides what an address is: ipaddr.js also takes octal, hexadecimal and short IPv4. */
function readAddress(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes("%")) return undefined;
  // The deprecated ::192.0.2.1 (RFC 4291 §2.5.5.1) is no mapped address, but ipaddr.js reads it as one.
  if (text.startsWith("::") && isIP(text.slice(2)) === 4) return undefined;
  return ipaddr.parse(text);
}

function isMapped(address: Address): address is ipaddr.IPv6 {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress();
}

/** Whether every address that `inner` allows is allowed by `outer` too; empty lists allow every one. */
export function cidrsWithin(inner: readonly string[], outer: readonly string[]): boolean {
  if (outer.length === 0) return true;
  const wider = rangesOf(outer);
  return inner.length > 0 && rangesOf(inner).every((range) => wider.some((each) => rangeWithin(range, each)));
}

/**
 * What both lists hold, canonical as they are. Two ranges are apart or one holds the other: what they have in common is
 * the smaller one.
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
