import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GetCatalogResponseSchema } from "#gen/patwarden/v1/self_pb.js";
import { GrantSchema } from "#gen/patwarden/v1/token_pb.js";
import { reachQuestions } from "./reach-questions.js";

const catalog = create(GetCatalogResponseSchema, {
  types: [
    { type: "document", actions: [{ action: "viewer" }, { action: "editor" }] },
    { type: "folder", actions: [{ action: "owner" }] },
  ],
});
const asked = (grant: object, most = 10, known: typeof catalog | undefined = catalog) => {
  const { questions, more } = reachQuestions(create(GrantSchema, grant), known, most);
  return [questions.map(({ type, action }) => `${action}@${type}`), more];
};
const rule = (actions: string[], resources: string[]) => ({ actions, resources });

describe("what is asked to show the reach of a grant", () => {
  it.each([
    [{}, []],
    [{ full: true }, ["viewer@document", "editor@document", "owner@folder"]],
    [{ rules: [rule(["viewer"], ["document:a", "document:b"])] }, ["viewer@document"]],
    [{ rules: [rule(["*"], ["document:*"])] }, ["viewer@document", "editor@document"]],
    [{ rules: [rule(["viewer"], ["*"])] }, ["viewer@document", "viewer@folder"]],
    [
      { rules: [rule(["viewer"], ["document:a"]), rule(["viewer", "owner"], ["document:b", "folder:c"])] },
      ["viewer@document", "owner@document", "viewer@folder", "owner@folder"],
    ],
  ])("for %j is %j", (grant, questions) => {
    expect(asked(grant)).toEqual([questions, false]);
  });

  it("has a limit, and says that there was more", () => {
    expect(asked({ full: true }, 2)).toEqual([["viewer@document", "editor@document"], true]);
  });

  it("is what the rules name while there is no catalog", () => {
    expect(asked({ rules: [rule(["viewer"], ["document:a"])] }, 10, create(GetCatalogResponseSchema))).toEqual([
      ["viewer@document"],
      false,
    ]);
  });
});
