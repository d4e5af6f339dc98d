import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { TokenSchema } from "#gen/patwarden/v1/token_pb.js";
import { changedSinceApproval, obstacleTo } from "./since-approval.js";

const at = (day: number) => timestampFromDate(new Date(Date.UTC(2026, 0, day)));
const facts = {
  grant: { rules: [{ actions: ["viewer", "editor"], resources: ["document:a", "document:b"] }] },
  allowedCidrs: ["192.0.2.0/24", "198.51.100.0/24"],
  notBefore: at(1),
  expireTime: at(9),
};
const changed = (now: object, before: object = facts) =>
  changedSinceApproval(create(TokenSchema, { ...facts, ...now, approvedBefore: { ...facts, ...before } }));

describe("what has changed since the last approval", () => {
  it("is unknown before there was one", () => {
    expect(changedSinceApproval(create(TokenSchema, facts))).toBeUndefined();
  });

  it.each([
    ["nothing", {}, []],
    [
      "rules in another order",
      { grant: { rules: [{ actions: ["editor", "viewer"], resources: ["document:b", "document:a"] }] } },
      [],
    ],
    ["networks in another order", { allowedCidrs: ["198.51.100.0/24", "192.0.2.0/24"] }, []],
    ["a full grant", { grant: { full: true } }, ["grant"]],
    ["an empty grant", { grant: {} }, ["grant"]],
    ["no networks", { allowedCidrs: [] }, ["networks"]],
    ["an earlier start", { notBefore: undefined }, ["notBefore"]],
    ["no end", { expireTime: undefined, neverExpires: true }, ["ends"]],
    ["a later end and less networks", { expireTime: at(10), allowedCidrs: ["192.0.2.0/24"] }, ["networks", "ends"]],
  ])("is seen: %s", (_name, now, fields) => {
    expect([...(changed(now) ?? [])]).toEqual(fields);
  });
});

describe("why somebody cannot approve", () => {
  const token = { subject: "user:alice", createdBy: "user:bob" };
  it.each([
    ["user:alice", true, ["token.updated"], "subject"],
    ["user:bob", true, ["token.created"], "maker"],
    ["user:carol", true, ["token.updated"], "changed"],
    ["user:carol", true, ["token.updated", "token.rotated"], "rotated"],
    ["user:carol", true, ["token.suspended"], "unknown"],
    ["user:carol", false, [], "noRight"],
  ])("%s with the right %s after %j: %s", (user, mayApprove, done, obstacle) => {
    expect(obstacleTo(token, user, mayApprove, done)).toBe(obstacle);
  });
});
