import { describe, expect, it } from "vitest";
import { systemClock } from "../check/clock.js";
import type { ResolvedToken } from "../store/token-store.js";
import { tokenCaller } from "./token-caller.js";

/** As far as it is looked at. */
const token = {
  id: "tok_1",
  subject: "user:alice",
  secretId: "sec_1",
  standing: "SUSPENDED",
} as unknown as ResolvedToken;
const options = { clock: systemClock, tokens: { resolve: async () => ({ kind: "known", token }) as const } };

describe("a token as a caller", () => {
  it.each([
    ["192.0.2.1:50000", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1"],
    ["[2001:db8::1]:50000", "2001:db8::1"],
    ["2001:db8::50", "2001:db8::50"],
    ["::1", "::1"],
    ["[::ffff:192.0.2.1]:50000", "192.0.2.1"],
    ["", undefined],
    ["localhost:1", undefined],
  ])("comes from %s: %s", async (peer, address) => {
    expect((await tokenCaller(options, "secret", peer))?.address?.toString()).toBe(address);
  });
});
