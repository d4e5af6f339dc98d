import { describe, expect, it } from "vitest";
import { administrationDe } from "./administration-de.js";
import { administrationEn } from "./administration-en.js";
import { de } from "./de.js";
import { en } from "./en.js";
import { languageOf } from "./words.js";

describe("the language", () => {
  it("is the first that the views speak", () => {
    expect(languageOf(["fr-FR", "de-AT", "en"])).toMatchObject({ name: "de", locale: "de-AT" });
    expect(languageOf(["fr"])).toMatchObject({ name: "en", locale: "en" });
    expect(languageOf(["constructor"])).toMatchObject({ name: "en" });
  });

  it("counts by its own rules", () => {
    expect(en.tokens.selected(1, "1")).toBe("1 chosen");
    expect(en.bulk.confirm(12, "12")).toBe("Revoke 12 tokens");
    expect(de.bulk.confirm(1, "1")).toBe("1 Token widerrufen");
    expect(de.bulk.confirm(1200, "1.200")).toBe("1.200 Tokens widerrufen");
  });

  it("has a text for everything, in every language", () => {
    const empty = (value: unknown, path: string): string[] =>
      typeof value === "string"
        ? value.trim() === ""
          ? [path]
          : []
        : typeof value === "object" && value !== null
          ? Object.entries(value).flatMap(([key, own]) => empty(own, `${path}.${key}`))
          : [];
    const all = { en, de, administrationEn, administrationDe };
    expect(Object.entries(all).flatMap(([name, words]) => empty(words, name))).toEqual([]);
    const keys = (value: unknown, path = ""): string[] =>
      typeof value === "object" && value !== null
        ? Object.entries(value).flatMap(([key, own]) => keys(own, `${path}.${key}`))
        : [path];
    expect(keys(de).sort()).toEqual(keys(en).sort());
    expect(keys(administrationDe).sort()).toEqual(keys(administrationEn).sort());
  });
});
