import { describe, expect, it } from "vitest";
import { PepperRing } from "../domain/pepper.js";
import type { PepperStore } from "../domain/token-store.js";
import { verifyPeppers } from "./verify-peppers.js";

const now = new Date("2026-01-01T00:00:00Z");
const ring = (...peppers: readonly [version: number, byte: number][]) =>
  new PepperRing(
    "pw",
    peppers.map(([version, byte], index) => ({ version, key: Buffer.alloc(32, byte), active: index === 0 })),
  );

function storeWith(
  live: Readonly<Record<number, number>> = {},
): PepperStore & { readonly recorded: Map<number, Uint8Array> } {
  const recorded = new Map<number, Uint8Array>();
  return {
    recorded,
    checkValues: async () => recorded,
    recordCheckValue: async (version, value) => void recorded.set(version, value),
    countLiveSecrets: async () => new Map(Object.entries(live).map(([version, count]) => [Number(version), count])),
  };
}

describe("verifyPeppers", () => {
  it("puts a new version on record and takes the same key again", async () => {
    const store = storeWith();
    await verifyPeppers(store, ring([1, 1]), now);
    await verifyPeppers(store, ring([2, 2], [1, 1]), now);
    expect([...store.recorded.keys()]).toEqual([1, 2]);
    await verifyPeppers(store, ring([1, 1]), now);
  });

  it("refuses another key under a known version", async () => {
    const store = storeWith();
    await verifyPeppers(store, ring([1, 1]), now);
    await expect(verifyPeppers(store, ring([1, 2]), now)).rejects.toThrow(
      /PEPPER_MISMATCH.*version 1 .*give this version its first key again/,
    );
  });

  it("refuses to go on without a version that live secrets need", async () => {
    const store = storeWith({ 1: 3, 7: 5 });
    await verifyPeppers(store, ring([7, 7], [1, 1]), now);
    await expect(verifyPeppers(store, ring([1, 1]), now)).rejects.toThrow(
      /PEPPER_MISMATCH: 5 live secrets need pepper version 7.*add it to tokens\.peppers again/,
    );
    await verifyPeppers(storeWith({ 1: 3 }), ring([1, 1]), now);
  });

  it("records nothing when it refuses, so that the right key can still be configured", async () => {
    const store = storeWith({ 1: 3 });
    await verifyPeppers(store, ring([1, 1]), now);
    await expect(verifyPeppers(store, ring([2, 2]), now)).rejects.toThrow(/PEPPER_MISMATCH/);
    await expect(verifyPeppers(store, ring([2, 2], [1, 9]), now)).rejects.toThrow(/PEPPER_MISMATCH/);
    expect([...store.recorded.keys()]).toEqual([1]);
    await verifyPeppers(store, ring([2, 3], [1, 1]), now);
  });

  it("counts no secrets while every version on record is there: it would take seconds at each start", async () => {
    const store = storeWith({ 1: 3 });
    const countLiveSecrets = () => Promise.reject(new Error("they were counted"));
    await verifyPeppers({ ...store, countLiveSecrets }, ring([2, 2], [1, 1]), now);
    await verifyPeppers({ ...store, countLiveSecrets }, ring([2, 2], [1, 1]), now);
  });
});
