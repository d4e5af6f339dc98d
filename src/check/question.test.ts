import { expect, it } from "vitest";
import { unknownAction, unknownType } from "./question.js";

const names = (count: number) => new Set(Array.from({ length: count }, (_, index) => `n${index}`));

it("names an unknown type or action, and at most 20 of those that exist", () => {
  expect(unknownType("docment", { types: new Set(["user", "document"]) })).toBe(
    "type docment is not in the authorization model; there are: user, document",
  );
  expect(unknownAction("document", "fly", { actionsOf: () => new Set(["viewer", "editor"]) })).toBe(
    "fly is not a relation of type document in the authorization model; there are: viewer, editor",
  );
  expect(unknownAction("user", "fly", { actionsOf: () => new Set<string>() })).toMatch(/there are: none$/);
  expect(unknownType("x", { types: names(25) })).toMatch(/n18, n19 and 5 more$/);
});

it("does not repeat a type that may be a secret", () => {
  const secret = `pw_pat_${"a".repeat(49)}`;
  expect(unknownType(secret, { types: names(1) })).toBe("this type is not in the authorization model; there are: n0");
  expect(unknownType("a b", { types: names(1) })).toMatch(/^this type /);
});
