import { expect, it } from "vitest";
import { codeOfHttpStatus, codeOfReset, codeOfStatus } from "./status-mapping.js";

it("gives every HTTP status a code, and none OK", () => {
  const codes = new Map(Array.from({ length: 900 }, (_, index) => [index + 100, codeOfHttpStatus(index + 100)]));
  const known: Readonly<Record<string, number>> = {
    400: 13,
    401: 16,
    403: 7,
    404: 12,
    429: 14,
    502: 14,
    503: 14,
    504: 14,
  };
  for (const [status, code] of codes) expect(code).toBe(known[status] ?? 2);
});

it("gives every code of RST_STREAM a code, and none OK", () => {
  const codes = Array.from({ length: 15 }, (_, code) => codeOfReset(code));
  expect(codes).toEqual([13, 13, 13, 13, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13, 2]);
});

it.each<readonly [value: string, code: number]>([
  ["0", 0],
  ["16", 16],
  ["17", 2],
  ["999", 2],
  ["1000", 1000],
  ["4004", 4004],
  ...["00", "+0", "-0", "0x0", " 0", "0.0", "", "OK", "1e1", "9999999999"].map((value): [string, number] => [value, 2]),
])("reads grpc-status %j as %i", (value, code) => {
  expect(codeOfStatus(value)).toBe(code);
});
