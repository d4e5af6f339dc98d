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
    if (!known) await store.recordCheckValue(version, checkValue);
    else if (known.length !== checkValue.length || !timingSafeEqual(known, checkValue)) {
      throw new Error(
        `PEPPER_MISMATCH: the key of pepper version ${version} is not the one that this database was used with`,
      );
    }
  }
  // Every version is recorded before its first secret is made. Counting reads all secrets: not done at every start.
  const missing = [...recorded.keys()].filter((version) => !loaded.has(version));
  if (missing.length === 0) return;
  const counts = await store.countLiveSecrets(now);
  for (const version of missing) {
    const count = counts.get(version) ?? 0;
    if (count > 0) {
      throw new Error(`PEPPER_MISMATCH: ${count} live secrets need pepper version ${version}, which is not configured`);
    }
  }
}
