import { describe, expect, it } from "vitest";
import { changed, describeSettings, pepperKey as key, problemsOf } from "../../test/kit/config-file.js";

describeSettings(
  ["tokens"],
  [
    ["tokens.brand", "acme", { tokens: { brand: "acme" } }],
    ["tokens.default_lifetime", "10y", { tokens: { defaultLifetimeMs: 315_576_000_000 } }],
    [
      "tokens.peppers",
      [
        { version: 1, key },
        { version: 2, key: Buffer.alloc(40).toString("base64"), active: true },
      ],
      {
        tokens: {
          peppers: [
            { version: 1, active: false },
            { version: 2, key: Buffer.alloc(40), active: true },
          ],
        },
      },
    ],
  ],
  [
    [{ "tokens.peppers": [{ version: 1, key }] }, { "tokens.peppers": "must have exactly one active entry" }],
    [{ "tokens.peppers": [] }, { "tokens.peppers": "must have exactly one active entry" }],
    [{ tokens: {} }, { "tokens.peppers": "is required: a list with one key, which `patwarden keys pepper` creates" }],
    [{ "tokens.peppers": 1 }, { "tokens.peppers": "must be a list" }],
    [{ "tokens.brand": 12 }, { "tokens.brand": "must be text; write it in quotes" }],
    [{ "tokens.brand": ["pw"] }, { "tokens.brand": "must be text" }],
  ],
);

describe("tokens.peppers", () => {
  it.each([
    ["31 bytes", Buffer.alloc(31).toString("base64")],
    ["another alphabet", Buffer.alloc(32, 255).toString("base64url")],
    ["a stray character", `${key.slice(0, 10)}!${key.slice(10)}`],
  ])("refuses a pepper of %s", (_, wrong) => {
    const peppers = [{ version: 1, key: wrong, active: true }];
    expect(problemsOf(changed({ "tokens.peppers": peppers }))).toEqual({
      "tokens.peppers[0].key": "must be base64 of at least 32 bytes, such as `patwarden keys pepper` prints",
    });
  });
});
