/** Columns as wide as their widest cell. Control characters of names that others chose do not reach the terminal. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `name: value` lines of what has a value. */
export function facts(entries: readonly (readonly [name: string, value: string | undefined])[]): string {
  const told = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined && entry[1] !== "");
  const width = Math.max(...told.map(([name]) => name.length + 1));
  return told.map(([name, value]) => `${`${name}:`.padEnd(width)} ${printable(value)}`).join("\n");
}

function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) => (character === "\n" ? " " : "\ufffd"));
}
