import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GrantSchema } from "#gen/patwarden/v1/token_pb.js";
import { draftOf, emptyGrant, gapsOf, grantOf } from "./grant-draft.js";

const grant = (...rules: readonly { actions: string[]; resources: string[] }[]) =>
  create(GrantSchema, { rules: [...rules] });

describe("a grant while it is edited", () => {
  it.each([
    grant({ actions: ["viewer", "editor"], resources: ["document:a", "document:b"] }),
    grant({ actions: ["*"], resources: ["document:*"] }),
    grant({ actions: ["viewer"], resources: ["*"] }, { actions: ["push"], resources: ["repo:a:b"] }),
    grant(),
    create(GrantSchema, { full: true }),
  ])("says the same afterwards", (before) => {
    expect(create(GrantSchema, grantOf(draftOf(before)))).toEqual(before);
  });

  it("has a rule for each type", () => {
    const mixed = grant({ actions: ["viewer"], resources: ["document:a", "folder:b", "document:c"] });
    expect(grantOf(draftOf(mixed))).toEqual({
      rules: [
        { actions: ["viewer"], resources: ["document:a", "document:c"] },
        { actions: ["viewer"], resources: ["folder:b"] },
      ],
    });
  });

  it("chooses nothing at first, and says what is missing", () => {
    expect(gapsOf(emptyGrant)).toEqual([{ kind: "noRules" }]);
    expect(gapsOf({ mode: "chosen", rules: [{ type: "document", actions: [], ids: [] }] })).toEqual([
      { kind: "noActions", rule: 0 },
      { kind: "noResources", rule: 0 },
    ]);
    expect(gapsOf({ mode: "identify", rules: [] })).toEqual([]);
    expect(gapsOf({ mode: "full", rules: [] })).toEqual([]);
  });
});
