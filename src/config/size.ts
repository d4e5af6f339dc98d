const units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** Bytes of a size such as `64MiB`, `512KiB`, `1GiB` or `0B`; undefined for anything else. */
export function sizeBytes(text: string): number | undefined {
  const match = /^(\d{1,6})(B|KiB|MiB|GiB)$/.exec(text);
  return match ? Number(match[1]) * units[match[2] as keyof typeof units] : undefined;
}
