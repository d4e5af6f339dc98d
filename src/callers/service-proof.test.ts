import { hash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ServiceCaller } from "./caller.js";
import { ServiceCertificates } from "./service-certificates.js";
import { ServiceKeys } from "./service-keys.js";
import { serviceOf } from "./service-proof.js";

const caller = (name: string): ServiceCaller => ({ kind: "service", name, permissions: new Set(["check"]) });
const orders = "spiffe://cluster.local/ns/shop/sa/orders";
const callers = [
  { caller: caller("orders"), keySha256: [], certificates: [orders, `${orders}-canary`] },
  { caller: caller("billing"), keySha256: [hash("sha256", "key")], certificates: [] },
];
const proofs = { serviceKeys: new ServiceKeys(callers), serviceCertificates: new ServiceCertificates(callers) };

describe("the service that calls", () => {
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
    expect(serviceOf(proofs, authorization, () => clientName)?.name).toBe(name);
  });

  it("is not asked for its certificate beside a header: reading it costs", () => {
    const asked = (): never => {
      throw new Error("asked for a certificate");
    };
    expect(serviceOf(proofs, "Bearer key", asked)?.name).toBe("billing");
    expect(serviceOf(proofs, "Bearer other", asked)).toBeUndefined();
  });

  it("has the certificates of the newest configuration", () => {
    const certificates = new ServiceCertificates(callers);
    certificates.replace([{ caller: caller("accounts"), keySha256: [], certificates: [orders] }]);
    expect([orders, `${orders}-canary`].map((name) => certificates.find(name)?.name)).toEqual(["accounts", undefined]);
  });
});
