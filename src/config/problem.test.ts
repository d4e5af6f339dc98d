import { describe, expect, it } from "vitest";
import { keyOf } from "./problem.js";

describe("the key of a problem", () => {
  it.each([
    [["callers", 0, "permissions", 1], "callers[0].permissions[1]"],
    [["dangerously_disable_caller_authentication"], "dangerously_disable_caller_authentication"],
    [["callers", 0, "key_sha256"], "callers[0].key_sha256"],
  ])("of %j is %s", (path, key) => {
    expect(keyOf(path)).toBe(key);
  });

  it.each(["pw_svc_cvcPXYfmHBQQ2wYXIhRySGKPYD95vji1wh5FrPuN8jY3mM8fZ", "0123456789abcdef".repeat(4), "a1".repeat(32)])(
    "does not show %s, which may be a secret after a missing colon",
    (part) => {
      expect(keyOf(["tokens", part])).toBe("tokens.…");
    },
  );
});
