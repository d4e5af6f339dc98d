import { expect, it } from "vitest";
import { clientAddress } from "./client-address.js";

const addressOf = (peer: string | undefined, forwarded: readonly string[], trusted: readonly string[]) =>
  clientAddress(
    {
      socket: { remoteAddress: peer } as never, // nothing else of it is looked at
      rawHeaders: forwarded.flatMap((value) => ["X-Forwarded-For", value]),
    },
    trusted,
  )?.toString();

const ours = ["10.0.0.0/8", "2001:db8::/32"];

it.each<[string, string | undefined, readonly string[], readonly string[], string | undefined]>([
  ["the peer, whatever it writes", "192.0.2.1", ["198.51.100.1"], ours, "192.0.2.1"],
  ["the peer where nobody is trusted", "10.0.0.1", ["198.51.100.1"], [], "10.0.0.1"],
  ["what a trusted proxy says", "10.0.0.1", ["198.51.100.1"], ours, "198.51.100.1"],
  ["the last that was not ours", "10.0.0.1", ["203.0.113.9, 198.51.100.1 ,10.0.0.2"], ours, "198.51.100.1"],
  ["several headers as one", "10.0.0.1", ["203.0.113.9, 198.51.100.1", "10.0.0.2"], ours, "198.51.100.1"],
  ["the proxy where it says nothing", "10.0.0.1", [], ours, "10.0.0.1"],
  ["the proxy where it says what is no address", "10.0.0.1", ["198.51.100.1, unknown"], ours, "10.0.0.1"],
  ["the proxy where it adds a port", "10.0.0.1", ["198.51.100.1:4711"], ours, "10.0.0.1"],
  ["the first where all are ours", "10.0.0.1", ["10.0.0.3, 10.0.0.2"], ours, "10.0.0.3"],
  ["an IPv4 peer on an IPv6 socket", "::ffff:10.0.0.1", ["198.51.100.1"], ours, "198.51.100.1"],
  ["IPv6", "2001:db8::1", ["2001:DB9::2"], ours, "2001:db9::2"],
  ["nothing of a peer that has gone", undefined, ["198.51.100.1"], ours, undefined],
])("the address of a client is %s", (_, peer, forwarded, trusted, expected) => {
  expect(addressOf(peer, forwarded, trusted)).toBe(expected);
});
