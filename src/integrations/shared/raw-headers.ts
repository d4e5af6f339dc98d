import type { IncomingMessage } from "node:http";

/** Headers as they came: lower-case names, every occurrence apart. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

/** Node's `headers` shows the first of several `authorization` lines alone. */
export function rawHeadersOf({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): RawHeaders {
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers.push([(rawHeaders[at] ?? "").toLowerCase(), rawHeaders[at + 1] ?? ""]);
  }
  return headers;
}

/** Whether it is there at all, also empty or more than once. */
export function isThere(headers: RawHeaders, wanted: string): boolean {
  return headers.some(([name]) => name === wanted);
}

/** Returns undefined when it is absent, repeated or empty. */
export function theOnly(headers: RawHeaders, wanted: string): string | undefined {
  const values = headers.flatMap(([name, value]) => (name === wanted ? [value] : []));
  return values.length === 1 && values[0] !== "" ? values[0] : undefined;
}
