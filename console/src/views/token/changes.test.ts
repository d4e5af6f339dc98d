import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { TokenSchema } from "#gen/patwarden/v1/token_pb.js";
import { draftOf } from "../form/grant-draft.js";
import { changedFields, editFormOf } from "./changes.js";

const end = new Date("2026-12-31T12:00:00Z");
const token = create(TokenSchema, {
  name: "CI",
  description: "d",
  allowedCidrs: ["192.0.2.0/24", "10.0.0.0/8"],
  grant: { rules: [{ actions: ["viewer", "editor"], resources: ["document:a", "document:b"] }] },
  expireTime: timestampFromDate(end),
});
const form = editFormOf(token);

describe("the changes of a form", () => {
  it("are none while it says the same", () => {
    expect(changedFields(token, form)).toEqual([]);
    const same = {
      ...form,
      name: " CI ",
      networks: "10.0.0.0/8\n192.0.2.0/24",
      grant: draftOf({
        full: false,
        rules: [{ ...token.grant?.rules[0], actions: ["editor", "viewer"], resources: ["document:b", "document:a"] }],
      } as never),
      end,
    };
    expect(changedFields(token, same)).toEqual([]);
  });

  it("are the fields of UpdateToken's mask", () => {
    expect(changedFields(token, { ...form, name: "x", networks: "", selfRotate: true })).toEqual([
      "name",
      "allowed_cidrs",
      "self_rotate",
    ]);
    expect(changedFields(token, { ...form, grant: { mode: "full", rules: [] } })).toEqual(["grant"]);
    expect(changedFields(token, { ...form, end: new Date(end.getTime() + 1000) })).toEqual(["expire_time"]);
    expect(changedFields(token, { ...form, end: null })).toEqual(["never_expires"]);
  });
});
