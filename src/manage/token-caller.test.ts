import { describe, expect, it } from "vitest";
import { peerAddress } from "../domain/network.js";
import type { ResolvedToken } from "../domain/token-store.js";
import { tokenCaller } from "./token-caller.js";

/** A token with only the fields that are read. */
const token = {
  id: "tok_1",
  subject: "user:alice",
  secretId: "sec_1",
  standing: "SUSPENDED",
} as unknown as ResolvedToken;
const options = {
  clock: { now: () => new Date() },
  tokens: { resolve: async () => ({ kind: "known", token }) as const },
};

describe("a token as a caller", () => {
  it.each(["192.0.2.1", undefined])("comes from where the transport says: %s", async (text) => {
    const address = text === undefined ? undefined : peerAddress(text);
    expect((await tokenCaller(options, "secret", address, undefined))?.address).toBe(address);
  });
});
