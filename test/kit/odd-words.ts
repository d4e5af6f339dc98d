/** Words that slow readers, and what to write instead. */
export const oddWords: readonly (readonly [RegExp, string])[] = [
  [/\bwhoever\b/i, "a noun: the caller, the holder, anybody who"],
  [/\bfor ever\b/i, "forever"],
  [/\bgo(es)? by\b/i, "applies, uses, follows"],
  [/\b(be|been) had\b/i, "fetched, found, started"],
  [/\banew\b/i, "again"],
  [/\bhangs? on\b/i, "depends on"],
  [/\bheard of\b/i, "known"],
  [/\blet through\b/i, "allowed"],
];
