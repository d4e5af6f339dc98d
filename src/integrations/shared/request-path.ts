import { domainToASCII } from "node:url";

/**
 * A path whose meaning nobody in front of or behind us can read differently: proxies, frameworks and we each decode,
 * normalize and cut in their own way, and what is refused here is what two of them are known to take for two things.
 */
export interface PlainPath {
  /** Decoded once; none of them empty. `/` has none. */
  readonly segments: readonly string[];
  /** A `/` behind the last segment: to some services another path, to others the same. */
  readonly endsInSlash: boolean;
  /** A `;`, which some servers take for the begin of parameters. */
  readonly hasSemicolon: boolean;
}

/** Unescaped: visible ASCII but `#` and `\`. */
const plainCharacters = /^[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
const escapes = /%(?:[0-9a-f]{2})?/gi;
/**
 * `/`, `\`, `.`, `%`, and control characters: they would mean something else after one more decoding, or already after
 * this one.
 */
const tellingBytes = new Set([0x2f, 0x5c, 0x2e, 0x25, 0x7f]);

/** The path of a request target in origin form, query and all. Undefined: it is refused. */
export function readPath(target: string): PlainPath | undefined {
  const path = target.split("?", 1)[0] ?? "";
  if (!path.startsWith("/") || !plainCharacters.test(path)) return undefined;
  if (path === "/") return { segments: [], endsInSlash: false, hasSemicolon: false };
  const endsInSlash = path.endsWith("/");
  const segments: string[] = [];
  for (const raw of path.slice(1, endsInSlash ? -1 : undefined).split("/")) {
    const segment = readSegment(raw);
    if (segment === undefined) return undefined;
    segments.push(segment);
  }
  return { segments, endsInSlash, hasSemicolon: path.includes(";") || /%3b/i.test(path) };
}

function readSegment(raw: string): string | undefined {
  for (const [escaped] of raw.matchAll(escapes)) {
    const byte = escaped.length === 3 ? Number.parseInt(escaped.slice(1), 16) : 0;
    if (byte < 0x20 || tellingBytes.has(byte)) return undefined;
  }
  try {
    const segment = decodeURIComponent(raw);
    // Tomcat and others cut `..;x` at the `;`, and then take it for the way up.
    if (isWay(withoutParameters(segment))) return undefined;
    return /^[\x20-\x7e]*$/.test(segment) || isOneSpelling(segment) ? segment : undefined;
  } catch {
    return undefined; // no UTF-8
  }
}

/** A segment as servers have it that take what stands behind a `;` for parameters (RFC 3986 §3.3). */
export function withoutParameters(segment: string): string {
  return segment.split(";", 1)[0] ?? "";
}

/** Nothing, `.` and `..`: normalizing takes them away. */
function isWay(segment: string): boolean {
  return segment === "" || segment === "." || segment === "..";
}

/**
 * Services, databases and file systems compose characters (NFC), and some map those that look alike (NFKC): `．．／` then
 * is a way up.
 */
function isOneSpelling(segment: string): boolean {
  const mapped = segment.normalize("NFKC");
  if (segment !== segment.normalize("NFC") || isWay(withoutParameters(mapped))) return false;
  return !/[/\\%\p{Cc}]/u.test(mapped) && mapped.includes(";") === segment.includes(";");
}

/**
 * The one spelling of a host of a `Host` header or an authority: lower case, without port and without the dot at the
 * end that an absolute name may have (RFC 1034 §3.1). Undefined: it is none, or proxies and services read it as
 * different ones, such as the address `127.1`. Names beyond ASCII are known by their `xn--` form, which is how clients
 * send them (RFC 5890 §2.3.2.1).
 */
export function readHost(authority: string): string | undefined {
  const [, host] = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/.exec(authority) ?? [];
  if (host === undefined) return undefined;
  if (host.startsWith("[")) return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined;
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name.length > 253 || name.split(".").includes("")) return undefined;
  // Empty for what is no name, and another for what is an address in disguise.
  return domainToASCII(name) === name ? name : undefined;
}
