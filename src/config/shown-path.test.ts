import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { shownPath } from "./shown-path.js";

it.each([
  "/run/secrets/pepper",
  "secrets/pepper",
  "./pepper",
  "../keys/Pepper-1.key",
  "pepper.key",
  "/tmp/patwarden-aB3x/pepper",
  "/Users/anna/key",
])("shows %s, the path of a file", (file) => {
  expect(shownPath(file)).toBe(resolve(file));
});

it("does not show text that may be a secret", () => {
  const made = Array.from({ length: 5_000 }, () => randomBytes(32).toString("base64"));
  const unpadded = Array.from({ length: 5_000 }, () => randomBytes(24).toString("base64"));
  const forUrls = Array.from({ length: 5_000 }, () => randomBytes(32).toString("base64url"));
  const words = ["hunter2", "pw_svc_abcdefgh", "postgres://u:p@h/d", "a b", "s3cr.et", "", "two\nlines"];
  expect([...words, ...made, ...unpadded, ...forUrls].filter((text) => shownPath(text) !== undefined)).toEqual([]);
});
