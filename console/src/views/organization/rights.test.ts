import { describe, expect, it } from "vitest";
import { Organization_Right as Right } from "#gen/patwarden/v1/self_pb.js";
import { allRights, partsFor, rightNames } from "./rights.js";

describe("the parts of an organization's view", () => {
  it("are those that the rights open", () => {
    expect(partsFor([])).toEqual([]);
    expect(partsFor([Right.POLICY])).toEqual(["policy"]);
    expect(partsFor([Right.READ, Right.REVOKE])).toEqual(["tokens", "pending", "usage", "audit"]);
    expect(partsFor(allRights)).toEqual(["tokens", "pending", "usage", "policy", "audit"]);
  });

  it("leaves out rights that this page does not know", () => {
    expect(rightNames([...allRights, 99 as Right])).toEqual(["read", "create", "approve", "revoke", "policy"]);
  });
});
