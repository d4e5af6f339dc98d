import { BlockList } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Address,
  forwardedAddress,
  isConfidential,
  isLoopback,
  networkAllows,
  parseAddress,
  parseCidr,
  peerAddress,
} from "./network.js";

const address = (text: string): Address => {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

describe("parseAddress", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["::1", "::1"],
    ["::", "::"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:FFFF:192.0.2.1", "192.0.2.1"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
  ])("reads %s as %s", (text, canonical) => {
    expect(address(text).toString()).toBe(canonical);
  });

  it.each([
    "",
    "192.0.2",
    "3221225985",
    "0xc0000201",
    "192.0.2.01",
    "0300.0.2.1",
    "192.0.2.256",
    "192.0.2.1:80",
    "192.0.2.1 ",
    "192.0.2.1\n",
    "192.0.2.1/32",
    "[::1]",
    "[::1]:80",
    "fe80::1%eth0",
    "::1%",
    "::192.0.2.1",
    "::ffff:192.0.2.01",
    "::ffff:0xc0.0.2.1",
    "1::2::3",
    "12345::",
    "localhost",
    "unknown",
    "１９２.0.2.1",
    "1".repeat(100_000),
  ])("refuses %.40j", (text) => {
    expect(parseAddress(text).ok).toBe(false);
  });
});

describe("S10 the address of a peer", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::1", "::1"],
    ["::1:5001", "::1:5001"],
    ["fe80::1%eth0", "fe80::1"],
    ["fe80::1%eth0.100", "fe80::1"],
    ["fe80::1%", undefined],
    ["192.0.2.1%eth0", undefined],
    ["192.0.2.1:5001", undefined],
    ["unknown", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%s is %s", (text, expected) => {
    expect(peerAddress(text)?.toString()).toBe(expected);
  });
});

describe("A4 the address in an item of X-Forwarded-For", () => {
  it.each([
    ["198.51.100.9", "198.51.100.9"],
    ["198.51.100.9:51234", "198.51.100.9"],
    ["::ffff:198.51.100.9", "198.51.100.9"],
    ["[::ffff:198.51.100.9]:51234", "198.51.100.9"],
    ["2001:DB8::9", "2001:db8::9"],
    ["[2001:db8::9]", "2001:db8::9"],
    ["[2001:db8::9]:51234", "2001:db8::9"],
    ["fe80::1%eth0", "fe80::1"],
    ["[fe80::1%eth0]:51234", "fe80::1"],
    // Without brackets, all of it is read as the address, since a port cannot be recognized.
    ["2001:db8::9:5123", "2001:db8::9:5123"],
  ])("%s is %s", (item, expected) => {
    expect(forwardedAddress(item)?.toString()).toBe(expected);
  });

  it.each([
    "",
    "unknown",
    "_hidden",
    "unknown:80",
    "198.51.100.9:_port",
    "198.51.100.9:",
    "198.51.100.9:123456",
    "198.51.100.9:1:2",
    "198.51.100.9 ",
    "198.51.100",
    "0306.0.2.1",
    "[198.51.100.9]x",
    "[2001:db8::9",
    "2001:db8::9]:80",
    "[2001:db8::9]80",
    "[[2001:db8::9]]",
    '"[2001:db8::9]:80"',
    "for=198.51.100.9",
    "localhost",
    "1".repeat(100_000),
  ])("is none in %.40j", (item) => {
    expect(forwardedAddress(item)).toBeUndefined();
  });
});

describe("parseCidr", () => {
  it.each([
    ["192.0.2.0/24", "192.0.2.0/24"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["192.0.2.1/32", "192.0.2.1/32"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["2001:db8:0:0::/64", "2001:db8::/64"],
    ["::/0", "::/0"],
    ["::1/128", "::1/128"],
  ])("reads %s as %s", (text, canonical) => {
    expect(parseCidr(text)).toEqual({ ok: true, value: canonical });
  });

  it.each([
    "",
    "/",
    "/24",
    "192.0.2.0",
    "192.0.2.0/",
    "192.0.2.1/24",
    "192.0.2.0/33",
    "192.0.2.0/024",
    "192.0.2.0/+24",
    "192.0.2.0/-1",
    "192.0.2.0/24/24",
    "192.0.2.0/24 ",
    "192.0.2.0/255.255.255.0",
    "192.0.2/24",
    "192.0.02.0/24",
    "10/8",
    "2001:db8::1/64",
    "2001:db8::/129",
    "2001:db8::/999",
    "fe80::%eth0/64",
    "::ffff:10.0.0.0/104",
    "::192.0.2.0/120",
    "example.com/24",
    "*",
  ])("refuses %j", (text) => {
    expect(parseCidr(text).ok).toBe(false);
  });
});

describe("networkAllows", () => {
  it.each<[readonly string[], string | undefined, boolean]>([
    [[], "192.0.2.1", true],
    [[], undefined, true],
    [["192.0.2.0/24"], undefined, false],
    [["192.0.2.0/24"], "192.0.2.255", true],
    [["192.0.2.0/24"], "192.0.3.0", false],
    [["192.0.2.0/24"], "::ffff:192.0.2.9", true],
    [["192.0.2.0/24", "2001:db8::/32"], "2001:db8::1", true],
    [["2001:db8::/32"], "2001:db9::1", false],
    [["2001:db8::/32"], "192.0.2.1", false],
    [["::/0"], "192.0.2.1", false],
    [["0.0.0.0/0"], "2001:db8::1", false],
    [["0.0.0.0/0"], "255.255.255.255", true],
  ])("%j and %s: %s", (cidrs, text, expected) => {
    expect(networkAllows(cidrs, text === undefined ? undefined : address(text))).toBe(expected);
  });

  it("agrees with Node's own BlockList", () => {
    // The last 16 bits vary; a prefix of 16 to 32 (112 to 128) of them is cut off at its length, so that no host bits
    // remain.
    const v4 = (low: number): string => `10.0.${low >>> 8}.${low & 255}`;
    const v6 = (low: number): string => `2001:db8::${low.toString(16)}`;
    const low = fc.oneof(fc.nat({ max: 65_535 }), fc.constantFrom(0, 1, 255, 256, 32_768, 65_535));
    const range = fc
      .tuple(fc.constantFrom(v4, v6), low, fc.nat({ max: 16 }))
      .map(([write, value, bits]) => `${write(value & (0xffff << (16 - bits)))}/${bits + (write === v4 ? 16 : 112)}`);
    const someAddress = fc.tuple(fc.constantFrom(v4, v6), low).map(([write, value]) => write(value));
    const seen = { true: 0, false: 0 };
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 4 }), someAddress, (ranges, text) => {
        const cidrs = ranges.map((each) => {
          const parsed = parseCidr(each);
          if (!parsed.ok) throw new Error(each);
          return parsed.value;
        });
        const list = new BlockList();
        for (const each of ranges) {
          const [network = "", bits] = each.split("/");
          list.addSubnet(network, Number(bits), network.includes(":") ? "ipv6" : "ipv4");
        }
        const expected = list.check(text, text.includes(":") ? "ipv6" : "ipv4");
        seen[`${expected}`]++;
        expect(networkAllows(cidrs, address(text))).toBe(expected);
      }),
      { numRuns: 500 },
    );
    // Otherwise the comparison would say little.
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(20);
  });
});

describe("A6 a URL", () => {
  it.each([
    "https://example.com",
    "HTTPS://Example.com:8443/x",
    "http://localhost",
    "HTTP://LOCALHOST:1",
    "http:\\\\localhost",
    "http://127.0.0.1",
    "http://127.255.255.254",
    "http://127.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://[::1]:80",
    "http://[0:0:0:0:0:0:0:1]",
    "http://[::ffff:127.0.0.1]",
    "http://127.0.0.1\u3002",
  ])("%s is not read on the way", (text) => {
    expect(isConfidential(new URL(text))).toBe(true);
  });

  it.each([
    "http://example.com",
    "HTTP://192.0.2.1",
    "http:\\\\192.0.2.1",
    "http:192.0.2.1",
    "http://127.0.0.1.nip.io",
    "http://127.0.0.1@example.com",
    "http://localhost@example.com",
    "http://localhost.example.com",
    "http://localhost.",
    "http://xlocalhost",
    "http://0.0.0.0",
    "http://[::]",
    "http://3221225985",
    "http://128.0.0.1",
    "http://[::ffff:192.0.2.1]",
    "http://[::127.0.0.1]",
    "http://[2001:db8::1]",
    "http://[fe80::1]",
    "ws://localhost",
    "ftp://127.0.0.1",
    "file:///etc/passwd",
    "unix://localhost",
  ])("%s may be read on the way", (text) => {
    expect(isConfidential(new URL(text))).toBe(false);
  });

  it.each(["", "127.1", "2130706433", "127.0.0.1:80", "127.0.0.1.", "::1%lo", "[::1", "lo"])(
    "%j names no loopback",
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});
