import type { z } from "zod";

/*
 * Rules for lists. They also run on lists with invalid entries, so that all problems are found at once: an entry may be
 * any value. Zod's own `min` and `max` would stop the check.
 */

type ListRule = [
  check: (entries: readonly unknown[]) => boolean,
  params: { readonly error: string; readonly when: typeof isList },
];

export function entries(min: number, max: number): ListRule {
  return [
    ({ length }) => length >= min && length <= max,
    { error: `must have ${min} to ${max} entries`, when: isList },
  ];
}

export function atMost(max: number): ListRule {
  return entries(0, max);
}

/** Requires that no two entries have the same value, or a common value, under this key. */
export function allDifferent(key: string): ListRule {
  return [
    (entries) => {
      const values = entries.flatMap((entry) => Object(entry)[key] ?? []);
      return new Set(values).size === values.length;
    },
    { error: `must not have the same ${key} twice`, when: isList },
  ];
}

export function isList({ value }: z.core.ParsePayload): boolean {
  return Array.isArray(value);
}
