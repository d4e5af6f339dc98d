import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AuthorizationModelSchema } from "#gen/openfga/v1/openfga_service_pb.js";
import { authorizationModel } from "./model.js";

const computed = (relation: string) => ({
  userset: { case: "computedUserset" as const, value: { object: "", relation } },
});
const direct = { userset: { case: "this" as const, value: {} } };
const union = (...child: readonly object[]) => ({ userset: { case: "union" as const, value: { child: [...child] } } });

/** Makes a type `document` with these relations; each admits `user` directly where its rewrite says `this`. */
function modelOf(relations: Readonly<Record<string, ReturnType<typeof union> | typeof direct>>) {
  const admitted = { directlyRelatedUserTypes: [{ type: "user" }] };
  return authorizationModel(
    create(AuthorizationModelSchema, {
      typeDefinitions: [
        { type: "user" },
        {
          type: "document",
          relations,
          metadata: { relations: Object.fromEntries(Object.keys(relations).map((name) => [name, admitted])) },
        },
      ],
    }),
  );
}

describe("canHold", () => {
  it("admits to relations that refer to each other only the types that one of them admits", () => {
    const model = modelOf({ a: union(computed("b")), b: union(computed("a")), c: union(computed("d")), d: direct });
    expect(["a", "b", "c", "d"].map((action) => model.canHold("user", "document", action))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it("does not walk every path of a model whose relations all build on each other", () => {
    const names = Array.from({ length: 60 }, (_, index) => `r${index}`);
    const model = modelOf(
      Object.fromEntries(names.map((name, index) => [name, union(direct, ...names.slice(0, index).map(computed))])),
    );
    expect(model.admits("organization")).toBe(false);
    expect(model.canHold("user", "document", "r59")).toBe(true);
  });
});
