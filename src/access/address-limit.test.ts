import { describe, expect, it } from "vitest";
import { parseAddress } from "../token/network.js";
import { AddressLimit } from "./address-limit.js";

const address = (text: string) => {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
};

function setUp(over: { readonly maxAddresses?: number } = {}) {
  const time = { now: 5_000 };
  const limit = new AddressLimit({ limit: { burst: 2, intervalMs: 1_000 }, now: () => time.now, ...over });
  return { time, limit, wait: (text: string) => limit.waitMs(address(text)) };
}

describe("the limit of an address", () => {
  it("admits a burst and then one for each interval; what is refused costs nothing", () => {
    const { time, wait } = setUp();
    expect([wait("192.0.2.1"), wait("192.0.2.1"), wait("192.0.2.1"), wait("192.0.2.1")]).toEqual([0, 0, 1_000, 1_000]);
    time.now += 999;
    expect(wait("192.0.2.1")).toBe(1);
    time.now += 1;
    expect([wait("192.0.2.1"), wait("192.0.2.1")]).toEqual([0, 1_000]);
  });

  it.each([
    ["192.0.2.1", "192.0.2.2", 0],
    ["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", 1_000],
    ["2001:db8::1", "2001:db8:0:1::1", 0],
    ["192.0.2.1", "::ffff:192.0.2.1", 1_000],
  ])("after %s has used its own up %s waits %i ms", (one, other, expected) => {
    const { wait } = setUp();
    for (let call = 0; call < 2; call++) wait(one);
    expect(wait(other)).toBe(expected);
  });

  it("is one for all whose address is not known, and none where it is off", () => {
    const { limit } = setUp();
    expect([limit.waitMs(undefined), limit.waitMs(undefined), limit.waitMs(undefined)]).toEqual([0, 0, 1_000]);
    const off = new AddressLimit({ limit: undefined, now: () => 0 });
    for (let call = 0; call < 1_000; call++) expect(off.waitMs(address("192.0.2.1"))).toBe(0);
    expect(off.size).toBe(0);
  });

  it("remembers so many addresses and no more, and forgets those first that have used least", () => {
    const { limit, wait } = setUp({ maxAddresses: 100 });
    for (let call = 0; call < 3; call++) wait("192.0.2.255");
    for (let last = 0; last < 250; last++) {
      wait(`198.51.100.${last}`);
      expect(limit.size).toBeLessThanOrEqual(100);
    }
    expect(wait("192.0.2.255")).toBeGreaterThan(0);
  });
});
