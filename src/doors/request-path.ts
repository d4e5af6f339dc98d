/**
 * A path whose meaning nobody in front of or behind us can read differently: proxies, frameworks and we each decode, normalize and cut in their own
 * way, and what is refused here is what two of them are known to take for two things.
 */
export interface PlainPath {
  /** Decoded once; none of them empty. `/` has none. */
  readonly segments: readonly string[];
  /** A `;`, which some servers take for the begin of parameters. */
  readonly hasSemicolon: boolean;
}

/** Unescaped: visible ASCII but `#` and `\`. */
const plainCharacters = /^[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
const escapes = /%(?:[0-9a-f]{2})?/gi;
/** `/`, `\`, `.`, `%`, and control characters: they would mean something else after one more decoding, or already after this one. */
const tellingBytes = new Set([0x2f, 0x5c, 0x2e, 0x25, 0x7f]);

/** The path of a request target in origin form, query and all. Undefined: it is refused. */
export function readPath(target: string): PlainPath | undefined {
  const path = target.split("?", 1)[0] ?? "";
  if (!path.startsWith("/") || !plainCharacters.test(path)) return undefined;
  if (path === "/") return { segments: [], hasSemicolon: false };
  const segments: string[] = [];
  for (const raw of path.slice(1).split("/")) {
    const segment = readSegment(raw);
    if (segment === undefined) return undefined;
    segments.push(segment);
  }
  return { segments, hasSemicolon: path.includes(";") || /%3b/i.test(path) };
}

function readSegment(raw: string): string | undefined {
  if (raw === "" || raw === "." || raw === "..") return undefined;
  for (const [escaped] of raw.matchAll(escapes)) {
    const byte = escaped.length === 3 ? Number.parseInt(escaped.slice(1), 16) : 0;
    if (byte < 0x20 || tellingBytes.has(byte)) return undefined;
  }
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined; // no UTF-8
  }
}

/** Host of a `Host` header or an authority, lower case, without port. Undefined: it is none. */
export function readHost(authority: string): string | undefined {
  const [, host] = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/.exec(authority) ?? [];
  return host?.toLowerCase();
}
