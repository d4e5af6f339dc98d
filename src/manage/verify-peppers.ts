import { timingSafeEqual } from "node:crypto";
import type { PepperRing } from "../domain/pepper.js";
import type { PepperStore } from "../domain/token-store.js";

/**
 * Proves that the loaded peppers are those that the stored digests were made with; a new version is put on record.
 * Throws when a key does not fit its version or when living secrets need a version that nobody loaded: all their
 * holders would be told TOKEN_UNKNOWN.
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
  // Every version is on record before its first secret is made. Counting reads all secrets, so it is not done at every
  // start.
  const missing = [...recorded.keys()].filter((version) => !loaded.has(version));
  if (missing.length === 0) return;
  const counts = await store.countLiveSecrets(now);
  for (const version of missing) {
    const count = counts.get(version) ?? 0;
    if (count > 0) {
      throw new Error(
        `PEPPER_MISMATCH: ${count} living secrets need pepper version ${version}, which is not configured`,
      );
    }
  }
}
