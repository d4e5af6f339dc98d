import { describe, expect, it } from "vitest";
import { caller, changed, configOf, issuer, minimal, type Tree } from "../../test/kit/config-file.js";
import { configHash } from "./config-hash.js";

describe("a change of configuration", () => {
  it.each<Tree>([
    { "database.url": "postgres://db:password@db/patwarden" },
    { "openfga.auth.preshared": "k" },
    { "tokens.peppers": [{ version: 1, key: Buffer.alloc(32, 8).toString("base64"), active: true }] },
    { callers: [{ ...caller, permissions: ["check", "introspect"] }] },
    { issuers: [issuer] },
    { grace: "1s" },
  ])("of %j changes the hash", (changes) => {
    expect(configHash(configOf(changed(changes)))).not.toBe(configHash(configOf(minimal)));
  });

  it("that only reorders permissions, parameters or claims keeps the hash", () => {
    const hashOf = (changes: Tree) => configHash(configOf(changed(changes)));
    const permissions = (...permissions: readonly string[]) => hashOf({ callers: [{ ...caller, permissions }] });
    const claims = (required_claims: Tree) => hashOf({ issuers: [{ ...issuer, required_claims }] });
    const context = (parameters: Tree) => hashOf({ "openfga.context": parameters });
    expect(permissions("check", "introspect")).toBe(permissions("introspect", "check"));
    expect(claims({ a: "1", b: "2" })).toBe(claims({ b: "2", a: "1" }));
    expect(claims({ a: "1", b: "2" })).not.toBe(claims({ a: "2", b: "1" }));
    expect(context({ a: "now", b: "client_ip" })).toBe(context({ b: "client_ip", a: "now" }));
    expect(permissions("check")).toMatch(/^[0-9a-f]{16}$/);
  });
});
