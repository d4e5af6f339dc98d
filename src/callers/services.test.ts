import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { noAuthentication } from "./authentication.js";
import type { Caller, ServiceCaller } from "./caller.js";
import { type ConfiguredCaller, Services } from "./services.js";

const sha256 = (key: string): string => createHash("sha256").update(key).digest("hex");
const key = "pw_svc_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2000000";

const configured = (name: string, ...keys: string[]): ConfiguredCaller => ({
  caller: { kind: "service", name, permissions: new Set(["check"]) } satisfies Caller,
  keySha256: keys.map(sha256),
  certificates: [],
});

const nameOf = (services: Services, authorization: string | undefined): string | undefined =>
  services.find(authorization, () => undefined)?.name;

describe("services by their keys", () => {
  const keys = new Services([configured("orders", key, "second"), configured("billing", "third")]);

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
    const reloaded = new Services([configured("orders", "old"), configured("billing", "same")]);
    reloaded.replace([configured("orders", "new"), configured("accounts", "same")]);
    expect(["old", "new", "same"].map((presented) => nameOf(reloaded, `Bearer ${presented}`))).toEqual([
      undefined,
      "orders",
      "accounts",
    ]);
  });

  it("are not needed when caller authentication is off", () => {
    const credentials = { header: () => undefined, clientName: undefined, address: undefined };
    expect(noAuthentication.authenticate(credentials)).toMatchObject({ permissions: new Set(["admin"]) });
  });
});

const callerOf = (name: string): ServiceCaller => ({ kind: "service", name, permissions: new Set(["check"]) });
const orders = "spiffe://cluster.local/ns/shop/sa/orders";
const callers: readonly ConfiguredCaller[] = [
  { caller: callerOf("orders"), keySha256: [], certificates: [orders, `${orders}-canary`] },
  { caller: callerOf("billing"), keySha256: [sha256("key")], certificates: [] },
];

describe("the service that calls", () => {
  const services = new Services(callers);

  it.each<[string, string | undefined, string | undefined, string | undefined]>([
    ["its key", "Bearer key", undefined, "billing"],
    ["its key, and not by its certificate", "Bearer key", orders, "billing"],
    ["its certificate, where nothing else is shown", undefined, orders, "orders"],
    ["the other name of its certificates", undefined, `${orders}-canary`, "orders"],
    ["nothing, when nothing is shown", undefined, undefined, undefined],
    ["nothing, when its certificate is of another name", undefined, `${orders}2`, undefined],
    ["nothing, when the case differs", undefined, orders.toUpperCase(), undefined],
    ["nothing, when its key is wrong, whatever its certificate", "Bearer other", orders, undefined],
    ["nothing, when the header is empty, whatever its certificate", "", orders, undefined],
    ["nothing, when the header is of another scheme, whatever its certificate", "Basic eDp5", orders, undefined],
  ])("is known by %s", (_, authorization, clientName, name) => {
    expect(services.find(authorization, () => clientName)?.name).toBe(name);
  });

  it("reads no certificate when there is a header: reading it is expensive", () => {
    const asked = (): never => {
      throw new Error("asked for a certificate");
    };
    expect(services.find("Bearer key", asked)?.name).toBe("billing");
    expect(services.find("Bearer other", asked)).toBeUndefined();
  });

  it("has the certificates of the newest configuration", () => {
    const replaced = new Services(callers);
    replaced.replace([{ caller: callerOf("accounts"), keySha256: [], certificates: [orders] }]);
    expect([orders, `${orders}-canary`].map((name) => replaced.withCertificate(name)?.name)).toEqual([
      "accounts",
      undefined,
    ]);
  });
});
