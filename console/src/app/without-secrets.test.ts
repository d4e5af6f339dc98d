import { describe, expect, it } from "vitest";
import { withoutSecrets } from "./without-secrets.js";

// Right by its form, and of nobody.
const secret = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA";

describe("withoutSecrets", () => {
  it("leaves the hint of a secret", () => expect(withoutSecrets(secret)).toBe("pw_pat_...RGIA"));

  it("finds secrets within a text, also mistyped ones", () => {
    expect(withoutSecrets(`Bearer ${secret.slice(0, -1)}x, ${secret}`)).toBe("Bearer pw_pat_...RGIx, pw_pat_...RGIA");
  });

  it.each(["pw_pat_...x9Kq", "x9Kq", "tok_01m8pjw32beskb1etfg294aesr", "my_pat_project"])("leaves %s alone", (text) =>
    expect(withoutSecrets(text)).toBe(text),
  );
});
