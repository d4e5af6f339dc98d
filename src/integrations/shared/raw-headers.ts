import type { IncomingMessage } from "node:http";

/** Headers as received: lower-case names, each occurrence separately. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

/** Returns all headers. Node's `headers` has only the first of several `authorization` lines. */
export function rawHeadersOf({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): RawHeaders {
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers.push([(rawHeaders[at] ?? "").toLowerCase(), rawHeaders[at + 1] ?? ""]);
  }
  return headers;
}

/** Returns whether a header is present, even empty or more than once. */
export function isThere(headers: RawHeaders, wanted: string): boolean {
  return headers.some(([name]) => name === wanted);
}

/** Returns the value of a header, or undefined when it is absent, repeated or empty. */
export function theOnly(headers: RawHeaders, wanted: string): string | undefined {
  const values = headers.flatMap(([name, value]) => (name === wanted ? [value] : []));
  return values.length === 1 && values[0] !== "" ? values[0] : undefined;
}
