import { describe, expect, it } from "vitest";
import { parseNetworks, wrongNetwork } from "./networks.js";

describe("networks", () => {
  it("are read one a line or divided by commas; an address is a range of one", () => {
    expect(parseNetworks(" 192.0.2.0/24\n198.51.100.7, 2001:db8::/32;2001:db8::1 ")).toEqual([
      "192.0.2.0/24",
      "198.51.100.7/32",
      "2001:db8::/32",
      "2001:db8::1/128",
    ]);
    expect(parseNetworks(" \n")).toEqual([]);
  });

  it.each(["192.0.2.0/33", "256.0.0.1/8", "a/8", "192.0.2/24", "2001:db8::/129"])("%s is no range", (range) => {
    expect(wrongNetwork(["10.0.0.0/8", range])).toBe(range);
  });

  it("that look right are left to the server", () => {
    expect(wrongNetwork(parseNetworks("10.0.0.0/8 ::/0 192.0.2.1"))).toBeUndefined();
  });
});
