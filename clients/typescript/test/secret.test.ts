import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { parseSecret, Secret } from "../src/index.js";
import { tokenOf } from "./kit/environment.js";
import { vectors } from "./kit/vectors.js";

describe("parseSecret", () => {
  it.each(vectors("secrets"))("$name", ({ text, brand, wellFormed, kind, hint }) => {
    expect(parseSecret(text, brand)).toEqual(wellFormed ? { kind, hint } : undefined);
  });

  it("reads what the server has made", () => {
    expect(parseSecret(tokenOf("alice").secret)?.kind).toBe("pat");
    expect(parseSecret(tokenOf("acme").secret)?.kind).toBe("oat");
  });
});

describe("a Secret", () => {
  const { secret: text } = tokenOf("alice");
  const secret = new Secret(text);
  const hint = parseSecret(text)?.hint ?? "";

  it.each([
    ["a string", `${secret}`],
    ["JSON", JSON.stringify({ secret })],
    ["console.log", inspect({ secret }, { depth: 9, showHidden: true, getters: true })],
    ["an error", new Error(`bad secret: ${secret}`).message],
  ])("shows its hint only in %s", (_, shown) => {
    expect(shown).toContain(hint);
    expect(shown).not.toContain(text);
  });

  it("shows nothing of what does not have the shape of a secret", () => {
    expect(`${new Secret("hunter2 and more of it")}`).toBe("[redacted]");
  });

  it("gives its text when asked", () => {
    expect(secret.reveal()).toBe(text);
  });
});
