/** Returns the ranges of a text, one a line or divided by commas; a single address becomes a range of one. */
export function parseNetworks(text: string): readonly string[] {
  return text
    .split(/[\s,;]+/)
    .filter((part) => part !== "")
    .map((part) => (part.includes("/") ? part : part.includes(":") ? `${part}/128` : `${part}/32`));
}

const v4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\/(?:3[0-2]|[12]?\d)$/;
const v6 = /^[0-9a-f:.]*:[0-9a-f:.]*\/(?:12[0-8]|1[01]\d|[1-9]?\d)$/i;

/** Returns the first range that cannot be one. The server checks the rest. */
export const wrongNetwork = (ranges: readonly string[]): string | undefined =>
  ranges.find((range) => !v4.test(range) && !v6.test(range));
