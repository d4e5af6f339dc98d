import { Field, numberOf } from "./field.js";

/** The entries 1 to 61 of RFC 7541 Appendix A, in order. */
const entries: readonly (readonly [name: string, value?: string])[] = [
  [":authority"],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset"],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language"],
  ["accept-ranges"],
  ["accept"],
  ["access-control-allow-origin"],
  ["age"],
  ["allow"],
  ["authorization"],
  ["cache-control"],
  ["content-disposition"],
  ["content-encoding"],
  ["content-language"],
  ["content-length"],
  ["content-location"],
  ["content-range"],
  ["content-type"],
  ["cookie"],
  ["date"],
  ["etag"],
  ["expect"],
  ["expires"],
  ["from"],
  ["host"],
  ["if-match"],
  ["if-modified-since"],
  ["if-none-match"],
  ["if-range"],
  ["if-unmodified-since"],
  ["last-modified"],
  ["link"],
  ["location"],
  ["max-forwards"],
  ["proxy-authenticate"],
  ["proxy-authorization"],
  ["range"],
  ["referer"],
  ["refresh"],
  ["retry-after"],
  ["server"],
  ["set-cookie"],
  ["strict-transport-security"],
  ["transfer-encoding"],
  ["user-agent"],
  ["vary"],
  ["via"],
  ["www-authenticate"],
];

/** The fields by index less one. */
export const staticFields: readonly Field[] = entries.map(
  ([name, value = ""]) => new Field(name, value, numberOf(name), true, true),
);

/** The lowest index of each name. Entries of one name follow each other. */
const indexes = new Map<string, number>();
for (const [at, { name }] of staticFields.entries()) if (!indexes.has(name)) indexes.set(name, at + 1);

/** Returns the index of an entry with this name, 0 if there is none. */
export function staticNameIndex(name: string): number {
  return indexes.get(name) ?? 0;
}

/** Returns the index of the entry with this name and value, 0 if there is none. */
export function staticFieldIndex(name: string, value: string): number {
  const first = staticNameIndex(name);
  if (first === 0) return 0;
  for (let at = first - 1; staticFields[at]?.name === name; at++) if (staticFields[at]?.value === value) return at + 1;
  return 0;
}
