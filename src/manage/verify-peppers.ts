import { timingSafeEqual } from "node:crypto";
import type { PepperRing } from "../domain/pepper.js";
import type { PepperStore } from "../domain/token-store.js";

/**
 * Verifies that the loaded peppers are those that the stored digests were made with, and records new versions. Throws
 * when a key does not match its version, or when live secrets need a version that is not loaded: their holders would
 * all get TOKEN_UNKNOWN.
 */
export async function verifyPeppers(store: PepperStore, peppers: PepperRing, now: Date): Promise<void> {
  const loaded = peppers.checkValues();
  const recorded = await store.checkValues();
  for (const [version, checkValue] of loaded) {
    const known = recorded.get(version);
    if (known && (known.length !== checkValue.length || !timingSafeEqual(known, checkValue))) {
      throw new Error(
        `PEPPER_MISMATCH: the key of pepper version ${version} is not the one that this database was used with; in ` +
          "tokens.peppers, give this version its first key again, and each new key a new version",
      );
    }
  }
  await verifyMissing(
    store,
    [...recorded.keys()].filter((version) => !loaded.has(version)),
    now,
  );
  // Last, so that a refused start records nothing: a wrong key could not be corrected. Before the first secret is made.
  for (const [version, checkValue] of loaded) {
    if (!recorded.has(version)) await store.recordCheckValue(version, checkValue);
  }
}

/** Throws when live secrets need one of these versions. Counting reads all secrets: it is not done at every start. */
async function verifyMissing(store: PepperStore, missing: readonly number[], now: Date): Promise<void> {
  if (missing.length === 0) return;
  const counts = await store.countLiveSecrets(now);
  for (const version of missing) {
    const count = counts.get(version) ?? 0;
    if (count > 0) {
      throw new Error(
        `PEPPER_MISMATCH: ${count} live secrets need pepper version ${version}, which is not configured; add it to ` +
          "tokens.peppers again, beside the active one",
      );
    }
  }
}
