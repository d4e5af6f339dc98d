import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openPageToken, sealPageToken } from "./page-token.js";

const keys = [randomBytes(32)];

describe("a page token", () => {
  it("leads back to its position", () => {
    for (const position of ["x", JSON.stringify({ id: "tok_1", key: "Größe 🛡️" })]) {
      expect(openPageToken(keys, "scope", sealPageToken(keys, "scope", position))).toBe(position);
    }
  });

  it("is empty for the first page", () => {
    expect(openPageToken(keys, "scope", "")).toBeUndefined();
  });

  it("of another list is refused, and the field is named", () => {
    const token = sealPageToken(keys, "scope", "x");
    expect(() => openPageToken(keys, "other", token)).toThrow(
      expect.objectContaining({
        reason: "PAGE_TOKEN_INVALID",
        violations: [expect.objectContaining({ field: "page_token" })],
      }),
    );
  });
});
