import { X509Certificate } from "node:crypto";
import { Socket } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { createAuthority } from "../../test/kit/authority.js";
import { clientNameIn, clientNameOf } from "./client-certificate.js";

const orders = "spiffe://cluster.local/ns/shop/sa/orders";
const authority = createAuthority();
afterAll(() => authority.remove());

describe("the name of a client certificate", () => {
  it.each<[string, Readonly<Record<string, string>>, string | undefined]>([
    ["its one URI", { "URI.1": orders }, orders],
    [
      "its one URI beside other kinds of names",
      { "DNS.1": "orders.test", "URI.1": orders, "email.1": "a@b.test", "IP.1": "::1" },
      orders,
    ],
    ["none without names", {}, undefined],
    ["none without a URI", { "DNS.1": "orders.test" }, undefined],
    ["none with two URIs", { "URI.1": orders, "URI.2": "https://orders.test" }, undefined],
    ["none with one URI twice", { "URI.1": orders, "URI.2": orders }, undefined],
    ["none for a URI that is written into a DNS name", { "DNS.1": `orders.test, URI:${orders}` }, undefined],
    [
      "none for a URI that is written into another name",
      { "otherName.1": `1.3.6.1.4.1.311.20.2.3;UTF8:x, URI:${orders}` },
      undefined,
    ],
    [
      "the true URI beside one that is written into a DNS name",
      { "DNS.1": `a, URI:${orders}`, "URI.1": "spiffe://a/b" },
      "spiffe://a/b",
    ],
    [
      "the true URI beside quotes in a DNS name",
      { "DNS.1": `a", URI:${orders}`, "URI.1": "spiffe://a/b" },
      "spiffe://a/b",
    ],
  ])("is %s", (_, names, expected) => {
    const certificate = new X509Certificate(authority.issue(names, "client").cert);
    expect(clientNameIn(certificate.toLegacyObject())).toBe(expected);
  });

  it("is none for a URI with a comma or a quote, which no SPIFFE id has", () => {
    for (const uri of [`${orders},`, `${orders}"`, `${orders}, URI:${orders}`]) {
      const certificate = new X509Certificate(authority.issue({ "URI.1": uri }, "client").cert);
      expect(clientNameIn(certificate.toLegacyObject())).not.toBe(orders);
    }
  });

  it("is none for a certificate authority, whatever its URI", () => {
    const certificate = new X509Certificate(authority.issue({ "URI.1": orders }, "authority").cert);
    expect(clientNameIn(certificate.toLegacyObject())).toBeUndefined();
  });

  it.each([
    ["without a kind", orders],
    ["with an open quote", `DNS:"a, URI:${orders}`],
    ["with a quote inside", `DNS:a"b, URI:${orders}`],
    ["with another separator", `DNS:a,URI:${orders}`],
    ["with an empty name between", `DNS:a, , URI:${orders}`],
  ])("is none for a text %s", (_, subjectaltname) => {
    expect(clientNameIn({ ca: false, subjectaltname })).toBeUndefined();
  });

  it("is none without TLS", () => {
    expect(clientNameOf(new Socket())).toBeUndefined();
  });
});
