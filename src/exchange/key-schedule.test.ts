import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  keySetMaxAgeMs,
  longestLifetimeMs,
  nextSignsFrom,
  pendingKeyAt,
  publishedAt,
  publishedUntil,
  reloadMs,
  signingKeyAt,
} from "./key-schedule.js";

const start = Date.parse("2026-03-01T12:00:00Z");
const at = (seconds: number): Date => new Date(start + seconds * 1000);
const key = (name: string, seconds: number) => ({ name, signsFrom: at(seconds) });
const names = (keys: readonly { readonly name: string }[]) => keys.map(({ name }) => name).join("");

describe("the schedule of signing keys", () => {
  const first = key("a", 0);
  const keys = [first, key("b", 1_000), key("c", 5_000)];

  it.each<[number, string, string]>([
    [-1, "a", "abc"],
    [0, "a", "abc"],
    [999.999, "a", "abc"],
    [1_000, "b", "abc"],
    [1_609.999, "b", "abc"],
    [1_610, "b", "bc"],
    [5_000, "c", "bc"],
    [5_610, "c", "c"],
    [9_999_999, "c", "c"],
  ])("after %s s: signs %s, published %s", (seconds, signs, published) => {
    expect(signingKeyAt(keys, at(seconds))?.name).toBe(signs);
    expect(names(publishedAt(keys, at(seconds)))).toBe(published);
  });

  it("has nothing to sign with only where there is no key", () => {
    expect(signingKeyAt([], at(0))).toBeUndefined();
    expect(publishedAt([], at(0))).toEqual([]);
  });

  it("says until when a key is published, as soon as another is to follow", () => {
    expect(publishedUntil(keys, first)).toEqual(at(1_610));
    expect(publishedUntil([first], first)).toBeUndefined();
  });

  it("knows the key that waits to sign", () => {
    expect(pendingKeyAt(keys, at(4_999))?.name).toBe("c");
    expect(pendingKeyAt(keys, at(5_000))).toBeUndefined();
    expect(pendingKeyAt([first], at(-1))).toBeUndefined();
    expect(pendingKeyAt([], at(0))).toBeUndefined();
  });

  it("lets the first key sign at once and any other when every verifier has fetched it", () => {
    expect(nextSignsFrom([], at(7))).toEqual(at(7));
    expect(nextSignsFrom([first], at(7))).toEqual(at(7 + 610));
  });

  // Whole milliseconds since the start, so that a shrunk example can be read.
  const times = (max: number) => fc.integer({ min: 0, max });

  it("O5 lets a verifier know the key of every valid JWT, whichever replica made it and whichever replica published the keys", () => {
    const pauses = fc.array(times(3 * 3_600_000), { minLength: 1, maxLength: 4 });
    const scenario = fc.record({
      pauses,
      // Most of what could go wrong is near the change of keys.
      change: fc.integer({ min: 1, max: 4 }),
      sinceChange: fc.integer({ min: -1_000_000, max: 1_000_000 }),
      signerBehind: times(reloadMs),
      livedFor: times(longestLifetimeMs - 1),
      keptFor: times(keySetMaxAgeMs),
      showerBehind: times(reloadMs),
    });
    fc.assert(
      fc.property(scenario, ({ change, sinceChange, signerBehind, livedFor, keptFor, showerBehind, ...scene }) => {
        const made = [{ publishedFrom: 0, signsFrom: new Date(0) }];
        for (const pause of scene.pauses) {
          // No rotation begins while another is under way.
          const publishedFrom = (made.at(-1)?.signsFrom.getTime() ?? 0) + pause;
          made.push({ publishedFrom, signsFrom: nextSignsFrom(made, new Date(publishedFrom)) });
        }
        const changed = made[Math.min(change, made.length - 1)]?.signsFrom.getTime() ?? 0;
        const signed = Math.max(changed + sinceChange, 0);
        const readAt = (time: number) => made.filter(({ publishedFrom }) => publishedFrom <= Math.max(time, 0));
        const used = signingKeyAt(readAt(signed - signerBehind), new Date(signed));
        const fetched = Math.max(signed + livedFor - keptFor, 0);
        expect(publishedAt(readAt(fetched - showerBehind), new Date(fetched))).toContain(used);
      }),
      { numRuns: 5_000 },
    );
  });
});
