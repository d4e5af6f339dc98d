import { timestampDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { requestOf } from "./event-filters.js";

const none = { group: "", actor: "", about: "", from: "", to: "" };

describe("the filters of a list of events", () => {
  it.each([
    ["Europe/Vienna", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"],
    ["America/Los_Angeles", "2026-03-29T07:00:00.000Z", "2026-03-30T07:00:00.000Z"],
    ["Pacific/Auckland", "2026-03-28T11:00:00.000Z", "2026-03-29T11:00:00.000Z"],
  ])("are whole days of %s, also of the day when clocks change", (zone, from, to) => {
    const { startTime, endTime } = requestOf({ ...none, from: "2026-03-29", to: "2026-03-29" }, zone);
    expect([startTime, endTime].map((time) => time && timestampDate(time).toISOString())).toEqual([from, to]);
  });

  it("name a token or a subject", () => {
    expect(requestOf({ ...none, about: "tok_1" }, "UTC")).toEqual({ actor: "", tokenId: "tok_1" });
    expect(requestOf({ ...none, about: "user:alice" }, "UTC")).toEqual({ actor: "", subject: "user:alice" });
  });

  it("leave out what is not valid", () => {
    expect(requestOf({ ...none, group: "toString", from: "2026-02-30" }, "UTC")).toEqual({ actor: "" });
    expect(requestOf({ ...none, group: "approval" }, "UTC").actions).toEqual(["token.approved", "token.denied"]);
  });
});
