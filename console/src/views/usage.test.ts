import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { Dimension, UsageRowSchema } from "#gen/patwarden/v1/usage_pb.js";
import { dayCounts, daysUntil, refusals, usageShares } from "./usage.js";

const now = new Date("2026-03-30T00:30:00Z");
const days = daysUntil(now);
const row = (day: string, reason: Reason, count: number, more: object = {}) =>
  create(UsageRowSchema, {
    startTime: timestampFromDate(new Date(day)),
    reason,
    count: BigInt(count),
    units: reason === Reason.ALLOWED ? BigInt(2 * count) : 0n,
    ...more,
  });
const rows = [
  row("2026-03-30", Reason.ALLOWED, 3, { subject: "user:alice" }),
  row("2026-03-29", Reason.ALLOWED, 1, { subject: "user:bob" }),
  row("2026-03-29", Reason.NOT_GRANTED, 9, { subject: "user:bob" }),
  row("2026-03-01", Reason.TOKEN_EXPIRED, 2, { subject: "user:bob" }),
];

describe("usage", () => {
  it("is shown for 30 days of UTC, today last", () => {
    expect([days.length, days[0]?.toISOString(), days.at(-1)?.toISOString()]).toEqual([
      30,
      "2026-03-01T00:00:00.000Z",
      "2026-03-30T00:00:00.000Z",
    ]);
  });

  it("is summed by day", () => {
    const counts = dayCounts(days, rows).filter(({ allowed, refused }) => allowed + refused > 0);
    expect(counts.map(({ day, allowed, refused }) => [day.getUTCDate(), allowed, refused])).toEqual([
      [1, 0, 2],
      [29, 1, 9],
      [30, 3, 0],
    ]);
  });

  it("is summed by who used it, the most used first", () => {
    expect(
      usageShares(rows, Dimension.SUBJECT).map(({ name, allowed, refused, units }) => [name, allowed, refused, units]),
    ).toEqual([
      ["user:bob", 1, 11, 2],
      ["user:alice", 3, 0, 6],
    ]);
  });

  it("tells why requests were refused, the most frequent reason first", () => {
    expect(refusals(rows)).toEqual([
      [Reason.NOT_GRANTED, 9],
      [Reason.TOKEN_EXPIRED, 2],
    ]);
  });
});
