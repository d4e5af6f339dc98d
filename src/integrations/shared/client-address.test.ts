import { describe, expect, it } from "vitest";
import { addressForwarded, clientAddress } from "./client-address.js";

const peerOf = (peer: string | undefined, forwarded: readonly string[], trusted: readonly string[]) =>
  clientAddress(
    {
      socket: { remoteAddress: peer } as never, // nothing else of it is looked at
      rawHeaders: forwarded.flatMap((value) => ["X-Forwarded-For", value]),
    },
    trusted,
  )?.toString();

const ours = ["10.0.0.0/8", "2001:db8::/32"];

describe("A4 the address of a client", () => {
  it.each<[string, string | undefined, readonly string[], readonly string[], string | undefined]>([
    ["the peer, whatever it writes", "192.0.2.1", ["198.51.100.1"], ours, "192.0.2.1"],
    ["the peer where nobody is trusted", "10.0.0.1", ["198.51.100.1"], [], "10.0.0.1"],
    ["what a trusted proxy says", "10.0.0.1", ["198.51.100.1"], ours, "198.51.100.1"],
    ["the same with a port", "10.0.0.1", ["198.51.100.1:4711"], ours, "198.51.100.1"],
    ["the same of IPv6 with a port", "10.0.0.1", ["[2001:db9::2]:4711"], ours, "2001:db9::2"],
    ["the last that was not ours", "10.0.0.1", ["203.0.113.9, 198.51.100.1 ,10.0.0.2"], ours, "198.51.100.1"],
    ["the last, with ports", "10.0.0.1", ["203.0.113.9:1, 198.51.100.1:2,10.0.0.2:3"], ours, "198.51.100.1"],
    ["several headers as one", "10.0.0.1", ["203.0.113.9, 198.51.100.1", "10.0.0.2"], ours, "198.51.100.1"],
    ["not known where the proxy says nothing", "10.0.0.1", [], ours, undefined],
    ["not known where it says an empty text", "10.0.0.1", [""], ours, undefined],
    ["not known where it says unknown", "10.0.0.1", ["198.51.100.1, unknown"], ours, undefined],
    ["not known where it hides it", "10.0.0.1", ["198.51.100.1, _hidden, 10.0.0.2"], ours, undefined],
    ["not known where an item is empty", "10.0.0.1", ["198.51.100.1, , 10.0.0.2"], ours, undefined],
    ["not known where a header is empty", "10.0.0.1", ["198.51.100.1", "", "10.0.0.2"], ours, undefined],
    ["not known where an item ends nothing", "10.0.0.1", ["198.51.100.1,"], ours, undefined],
    ["not known where all are ours", "10.0.0.1", ["10.0.0.3, 10.0.0.2"], ours, undefined],
    ["behind an IPv4 peer on an IPv6 socket", "::ffff:10.0.0.1", ["198.51.100.1"], ours, "198.51.100.1"],
    ["IPv6", "2001:db8::1", ["2001:DB9::2"], ours, "2001:db9::2"],
    ["of a link of its own", "10.0.0.1", ["fe80::1%eth0"], ours, "fe80::1"],
    ["nothing of a peer that has gone", undefined, ["198.51.100.1"], ours, undefined],
  ])("is %s", (_, peer, forwarded, trusted, expected) => {
    expect(peerOf(peer, forwarded, trusted)).toBe(expected);
  });
});

describe("A4 the address of a client that a proxy asks about", () => {
  it.each<[string, readonly string[], readonly string[], string | undefined]>([
    ["what it says", ["198.51.100.1"], [], "198.51.100.1"],
    ["what it says with a port", ["198.51.100.1:4711"], [], "198.51.100.1"],
    ["not known of several hops where nobody is trusted", ["198.51.100.1, 10.0.0.5"], [], undefined],
    ["not known of two headers where nobody is trusted", ["198.51.100.1", "10.0.0.5"], [], undefined],
    ["not known of two empty ones", ["", ""], [], undefined],
    ["the last that is not trusted", ["203.0.113.9, 198.51.100.1, 10.0.0.5"], ours, "198.51.100.1"],
    ["the last where that is not trusted", ["203.0.113.9, 198.51.100.1"], ours, "198.51.100.1"],
    [
      "the last that is not trusted, with ports",
      ["203.0.113.9, 198.51.100.1:1, [2001:db8::5]:2"],
      ours,
      "198.51.100.1",
    ],
    ["not known where all are trusted", ["10.0.0.5"], ours, undefined],
    ["not known where one says unknown", ["198.51.100.1, unknown, 10.0.0.5"], ours, undefined],
    ["not known without the header", [], ours, undefined],
  ])("is %s", (_, forwarded, trusted, expected) => {
    const headers = forwarded.map((value) => ["x-forwarded-for", value] as const);
    expect(addressForwarded(headers, trusted)?.toString()).toBe(expected);
  });
});
