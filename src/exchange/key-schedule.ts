/*
 * When keys sign and when they are published, computed from the keys and the time alone. A verifier may cache the
 * published keys for `keySetMaxAgeMs`, and a replica may learn of a new key `reloadMs` late. So a key is published well
 * before its first use, and after its last use until its last JWT has expired.
 */

/** How long a verifier may keep the published keys, milliseconds: `max-age` of RFC 9111. */
export const keySetMaxAgeMs = 300_000;
/** The longest lifetime of a JWT, milliseconds. */
export const longestLifetimeMs = 300_000;
/** How long a replica uses the keys that it has read, milliseconds. */
export const reloadMs = 10_000;

const leadMs = 2 * keySetMaxAgeMs + reloadMs;
const afterlifeMs = keySetMaxAgeMs + longestLifetimeMs + reloadMs;

/** A key that signs from `signsFrom` until the next key does. Lists of keys are ordered by `signsFrom`. */
export interface ScheduledKey {
  readonly signsFrom: Date;
}

/** Returns the key that signs at a time, or undefined when there are no keys. */
export function signingKeyAt<Key extends ScheduledKey>(keys: readonly Key[], now: Date): Key | undefined {
  // The very first key signs at once, whatever the clock of the replica that created it showed.
  return keys.findLast(({ signsFrom }) => signsFrom <= now) ?? keys[0];
}

/**
 * Returns the keys that verifiers need: keys that sign, will sign, or signed JWTs that may still be valid. All other
 * keys are never needed again.
 */
export function publishedAt<Key extends ScheduledKey>(keys: readonly Key[], now: Date): readonly Key[] {
  return keys.filter((key) => (publishedUntil(keys, key)?.getTime() ?? Number.POSITIVE_INFINITY) > now.getTime());
}

/** Returns until when a key is published, or undefined while no other key follows it. */
export function publishedUntil<Key extends ScheduledKey>(keys: readonly Key[], key: Key): Date | undefined {
  const next = keys[keys.indexOf(key) + 1];
  return next && new Date(next.signsFrom.getTime() + afterlifeMs);
}

/** Returns the key that is published and does not sign yet. */
export function pendingKeyAt<Key extends ScheduledKey>(keys: readonly Key[], now: Date): Key | undefined {
  const last = keys.at(-1);
  return last === signingKeyAt(keys, now) ? undefined : last;
}

/** Returns from when a key may sign that is published now: at once if it is the first one. */
export function nextSignsFrom(keys: readonly ScheduledKey[], now: Date): Date {
  return keys.length === 0 ? now : new Date(now.getTime() + leadMs);
}
