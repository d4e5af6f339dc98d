import { domainToASCII } from "node:url";

/**
 * A path that all proxies and services read in the same way. Each of them decodes, normalizes and cuts paths in its own
 * way, so a path that two of them are known to read differently is refused.
 */
export interface PlainPath {
  /** Decoded once; no segment is empty. `/` has none. */
  readonly segments: readonly string[];
  /** Whether there is a `/` after the last segment: for some services this is another path, for others the same. */
  readonly endsInSlash: boolean;
  /** Whether there is a `;`, which some servers treat as the start of parameters. */
  readonly hasSemicolon: boolean;
}

/** The characters that may be unescaped: visible ASCII except `#` and `\`. */
const plainCharacters = /^[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
const escapes = /%(?:[0-9a-f]{2})?/gi;
/** Bytes that must not be escaped: `/`, `\`, `.`, `%` and DEL. Decoding once or twice would change their meaning. */
const tellingBytes = new Set([0x2f, 0x5c, 0x2e, 0x25, 0x7f]);

/** Reads the path of a request target in origin form, which may have a query. Returns undefined to refuse it. */
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
    // Tomcat and others cut `..;x` at the `;`, and then read it as `..`.
    if (isWay(withoutParameters(segment))) return undefined;
    return /^[\x20-\x7e]*$/.test(segment) || isOneSpelling(segment) ? segment : undefined;
  } catch {
    return undefined; // not UTF-8
  }
}

/** Returns a segment as read by servers that treat the text after a `;` as parameters (RFC 3986 §3.3). */
export function withoutParameters(segment: string): string {
  return segment.split(";", 1)[0] ?? "";
}

/** Returns whether a segment is empty, `.` or `..`, which normalizing removes. */
function isWay(segment: string): boolean {
  return segment === "" || segment === "." || segment === "..";
}

/**
 * Returns whether a segment has only one spelling. Services, databases and file systems compose characters (NFC), and
 * some map characters that look alike (NFKC): `．．／` then leads to the parent folder.
 */
function isOneSpelling(segment: string): boolean {
  const mapped = segment.normalize("NFKC");
  if (segment !== segment.normalize("NFC") || isWay(withoutParameters(mapped))) return false;
  return !/[/\\%\p{Cc}]/u.test(mapped) && mapped.includes(";") === segment.includes(";");
}

/**
 * Returns the canonical spelling of the host in a `Host` header or an authority: lower case, without port and without
 * the final dot that an absolute name may have (RFC 1034 §3.1). Returns undefined when it is not a host, or when
 * proxies and services may read it differently, such as the address `127.1`. Names beyond ASCII must have their `xn--`
 * form, in which clients send them (RFC 5890 §2.3.2.1).
 */
export function readHost(authority: string): string | undefined {
  const [, host] = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/.exec(authority) ?? [];
  if (host === undefined) return undefined;
  if (host.startsWith("[")) return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined;
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name.length > 253 || name.split(".").includes("")) return undefined;
  // domainToASCII returns an empty text when it is not a name, and another text for an address in disguise.
  return domainToASCII(name) === name ? name : undefined;
}
