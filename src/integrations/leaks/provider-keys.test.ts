import { afterEach, beforeEach, expect, it } from "vitest";
import { makeScanningKey, startScanningProvider, type TestProvider } from "../../../test/kit/scanning-provider.js";
import { createProviderKeys, type ProviderKeys } from "./provider-keys.js";

const hourMs = 3_600_000;

let provider: TestProvider;
let nowMs: number;
let failures: unknown[];
let keys: ProviderKeys;
const [first, second, third] = [makeScanningKey(), makeScanningKey(), makeScanningKey()];
beforeEach(async () => {
  provider = await startScanningProvider();
  provider.publish(first);
  nowMs = 0;
  failures = [];
  keys = createProviderKeys(
    { keysUrl: provider.url },
    { monotonicMs: () => nowMs, onFetchFailure: (error) => failures.push(error) },
  );
});
afterEach(() => provider.stop());

const knows = async (id: string): Promise<boolean> => (await keys.find(id)) !== undefined;
const unavailable = { reason: "ISSUER_UNAVAILABLE" };

it("keys are fetched once for everybody who asks, and sent no credential unless one is configured", async () => {
  expect(await Promise.all([knows(first.id), knows(first.id), knows(first.id)])).toEqual([true, true, true]);
  expect(provider.fetches).toEqual([1, 0]);
  expect(provider.authorization).toBeUndefined();
  const trusted = createProviderKeys(
    { keysUrl: provider.url, token: "ghp_x" },
    { onFetchFailure: (error) => failures.push(error) },
  );
  expect(await trusted.find(first.id)).toBeDefined();
  expect(provider.authorization).toBe("Bearer ghp_x");
});

it("SS-1 B2 a new key is found at once, and of made-up ones a few make the provider busy", async () => {
  await knows(first.id);
  provider.publish(second, first);
  expect(await knows(second.id)).toBe(true);
  // Concurrent lookups share one fetch. Lookups one after another cause three fetches, including that of the new key.
  expect(await Promise.all(Array.from({ length: 20 }, (_, index) => knows(`at once ${index}`)))).not.toContain(true);
  expect(await knows("made-up 1")).toBe(false);
  for (let made = 2; made < 20; made += 1) {
    await expect(knows(`made-up ${made}`)).rejects.toMatchObject({ reason: "ISSUER_UNAVAILABLE" });
  }
  expect(provider.fetches[0]).toBe(4);
  nowMs = 60_000;
  await knows("made-up");
  expect(provider.fetches[0]).toBe(5);
});

it("SS-1 keys that have not changed are not sent again, and a key that was taken back ends within an hour", async () => {
  await knows(first.id);
  nowMs = hourMs;
  expect(await knows(first.id)).toBe(true);
  expect(provider.fetches).toEqual([2, 1]);
  provider.publish(second);
  nowMs = 2 * hourMs - 1;
  expect(await knows(first.id)).toBe(true);
  nowMs = 2 * hourMs;
  expect([await knows(first.id), await knows(second.id)]).toEqual([false, true]);
});

it("known keys are still used while the provider fails, unknown ones give an error", async () => {
  await knows(first.id);
  provider.answer({ status: 500, text: "" });
  nowMs = hourMs + 1;
  expect(await knows(first.id)).toBe(true);
  await expect(keys.find(second.id)).rejects.toMatchObject(unavailable);
  nowMs = 2 * hourMs;
  await expect(keys.find(first.id)).rejects.toMatchObject(unavailable);
  expect(failures.length).toBeGreaterThan(0);
  provider.answer(undefined);
  nowMs += 60_000;
  expect(await knows(first.id)).toBe(true);
});

it.each<[string, number, string]>([
  ["an error", 503, "{}"],
  ["no JSON", 200, "<html>"],
  ["a document without keys", 200, "{}"],
  ["a list", 200, "[]"],
  ["more than 256 KiB", 200, JSON.stringify({ public_keys: [], more: "x".repeat(262_144) })],
  ["that nothing has changed, to whom has nothing", 304, ""],
])("%s is no answer", async (_, status, text) => {
  provider.answer({ status, text });
  await expect(keys.find(first.id)).rejects.toMatchObject(unavailable);
});

it("a key that is not P-256 is skipped", async () => {
  const entries = [
    { key_identifier: "no key", key: "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----" },
    { key_identifier: "no text", key: 1 },
    { key: third.publicPem },
    null,
    { key_identifier: first.id, key: first.publicPem },
  ];
  provider.answer({ status: 200, text: JSON.stringify({ public_keys: entries }) });
  expect([await knows("no key"), await knows("no text"), await knows(first.id)]).toEqual([false, false, true]);
});
