import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bearerOf } from "../domain/bearer.js";
import { noAuthentication } from "./authentication.js";
import type { Caller } from "./caller.js";
import { type ConfiguredCaller, ServiceKeys } from "./service-keys.js";

const sha256 = (key: string): string => createHash("sha256").update(key).digest("hex");
const key = "pw_svc_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2000000";

const configured = (name: string, ...keys: string[]): ConfiguredCaller => ({
  caller: { kind: "service", name, permissions: new Set(["check"]) } satisfies Caller,
  keySha256: keys.map(sha256),
  certificates: [],
});

const nameOf = (keys: ServiceKeys, authorization: string | undefined): string | undefined => {
  const presented = bearerOf(authorization);
  return presented === undefined ? undefined : keys.find(presented)?.name;
};

describe("service keys", () => {
  const keys = new ServiceKeys([configured("orders", key, "second"), configured("billing", "third")]);

  it.each([
    ["of one caller, the first", key, "orders"],
    ["of one caller, the second", "second", "orders"],
    ["of the other caller", "third", "billing"],
    ["nobody has", "fourth", undefined],
    ["that is the hash of a key", sha256(key), undefined],
    ["cut by one character", key.slice(0, -1), undefined],
    ["in another case", key.toUpperCase(), undefined],
  ])("know a key %s", (_, presented, name) => {
    expect(nameOf(keys, `Bearer ${presented}`)).toBe(name);
  });

  it.each([
    ["TX-1 trailing line feed", `Bearer ${key}\n`],
    ["TX-1 trailing carriage return and line feed", `Bearer ${key}\r\n`],
    ["TX-1 two spaces after the scheme", `Bearer  ${key}`],
    ["TX-1 blanks around", ` \tBearer ${key} \t`],
    ["TX-2 lower case", `bearer ${key}`],
    ["TX-2 upper case", `BEARER ${key}`],
    ["TX-2 tab", `Bearer\t${key}`],
  ])("%s: accepted", (_, header) => {
    expect(nameOf(keys, header)).toBe("orders");
  });

  it.each([
    ["no header", undefined],
    ["an empty header", ""],
    ["the key alone", key],
    ["TX-2 a second token", `Bearer ${key} b`],
    ["TX-2 a second token in front", `Bearer a ${key}`],
    ["TX-2 another scheme that starts alike", `BearerX ${key}`],
    ["TX-2 a second credential on its own line", `Bearer ${key}\nBasic x`],
    ["TX-2 a line feed before the key", `Bearer \n${key}`],
    ["TX-2 no token", "Bearer "],
    ["no blank", `Bearer${key}`],
    ["two headers joined by a proxy", `Bearer ${key}, Bearer ${key}`],
    ["Basic", `Basic ${Buffer.from(`x:${key}`).toString("base64")}`],
    ["NUL", `Bearer ${key}\0`],
    ["a no-break space", `Bearer\u00a0${key}`],
    ["more than 16 KiB", `Bearer ${key}${" ".repeat(16_384)}`],
  ])("%s: refused", (_, header) => {
    expect(nameOf(keys, header)).toBeUndefined();
  });

  it("are replaced all at once", () => {
    const reloaded = new ServiceKeys([configured("orders", "old"), configured("billing", "same")]);
    reloaded.replace([configured("orders", "new"), configured("accounts", "same")]);
    expect(["old", "new", "same"].map((presented) => nameOf(reloaded, `Bearer ${presented}`))).toEqual([
      undefined,
      "orders",
      "accounts",
    ]);
  });

  it("are not asked for when caller authentication is off", () => {
    const credentials = {
      authorization: undefined,
      userAuthorization: undefined,
      clientName: () => undefined,
      address: () => undefined,
      deadline: undefined,
    };
    expect(noAuthentication.authenticate(credentials)).toMatchObject({ permissions: new Set(["admin"]) });
  });
});
