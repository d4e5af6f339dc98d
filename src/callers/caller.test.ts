import { describe, expect, it } from "vitest";
import type { SubjectName } from "../domain/identifier.js";
import { actorOf, admitsSubject, type ServiceCaller } from "./caller.js";

const caller: ServiceCaller = { kind: "service", name: "shop", permissions: new Set(["tokens.read"]) };

describe("a caller", () => {
  it("is named by its kind and name", () => {
    expect(actorOf(caller)).toBe("service:shop");
  });

  it("acts for every subject unless its subjects are limited", () => {
    expect(admitsSubject(caller, "organization:acme" as SubjectName)).toBe(true);
  });

  it.each([
    ["user:alice", true],
    ["user:user:alice", true],
    ["organization:acme", true],
    ["organization:acme2", false],
    ["organization:ac", false],
    ["users:alice", false],
    ["administrator:user:alice", false],
  ])("narrowed to every user and one organization, acts for %s: %s", (subject, expected) => {
    expect(admitsSubject({ ...caller, subjects: ["user:", "organization:acme"] }, subject as SubjectName)).toBe(
      expected,
    );
  });

  it("with an empty list of subjects acts for no subject", () => {
    expect(admitsSubject({ ...caller, subjects: [] }, "user:alice" as SubjectName)).toBe(false);
  });
});
