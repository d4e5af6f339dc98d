/*
 * When keys sign and when they are published, from nothing but the keys and the time. A verifier may keep the published
 * keys for `keySetMaxAgeMs`, and a replica may know of a new key `reloadMs` late: so a key is shown well before its
 * first use, and after its last one until the last JWT is over.
 */

/** How long a verifier may keep the published keys, milliseconds: `max-age` of RFC 9111. */
export const keySetMaxAgeMs = 300_000;
/** No JWT lives longer, milliseconds. */
export const longestLifetimeMs = 300_000;
/** How long a replica relies on what it has read, milliseconds. */
export const reloadMs = 10_000;

const leadMs = 2 * keySetMaxAgeMs + reloadMs;
const afterlifeMs = keySetMaxAgeMs + longestLifetimeMs + reloadMs;

/** A key signs from then on until the next one does. Lists of keys are ordered by it. */
export interface ScheduledKey {
  readonly signsFrom: Date;
}

/** The key that signs at a time; undefined only where there is none. */
export function signingKeyAt<Key extends ScheduledKey>(keys: readonly Key[], now: Date): Key | undefined {
  // The very first one signs at once, whatever the clock of the replica that made it said.
  return keys.findLast(({ signsFrom }) => signsFrom <= now) ?? keys[0];
}

/**
 * The keys that verifiers must know: those that sign, will sign, or signed what may still live. All others are over for
 * good.
 */
export function publishedAt<Key extends ScheduledKey>(keys: readonly Key[], now: Date): readonly Key[] {
  return keys.filter((key) => (publishedUntil(keys, key)?.getTime() ?? Number.POSITIVE_INFINITY) > now.getTime());
}

/** Undefined while no other key is to follow. */
export function publishedUntil<Key extends ScheduledKey>(keys: readonly Key[], key: Key): Date | undefined {
  const next = keys[keys.indexOf(key) + 1];
  return next && new Date(next.signsFrom.getTime() + afterlifeMs);
}

/** The key that is published and does not sign yet. */
export function pendingKeyAt<Key extends ScheduledKey>(keys: readonly Key[], now: Date): Key | undefined {
  const last = keys.at(-1);
  return last === signingKeyAt(keys, now) ? undefined : last;
}

/** From when a key may sign that is published now, beside others or as the first. */
export function nextSignsFrom(keys: readonly ScheduledKey[], now: Date): Date {
  return keys.length === 0 ? now : new Date(now.getTime() + leadMs);
}
