import { writeSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

/** The error of a result that could not be written completely. */
export class OutputError extends Error {
  /** `ENOSPC` and the like; `EPIPE` when the reader has closed the pipe. */
  readonly code: string;
  /** The result that is lost, and what to do. Undefined when the command can simply be repeated. */
  readonly loss: string | undefined;

  constructor(code: string, loss: string | undefined) {
    super(`the result could not be written to stdout: ${code}`);
    this.code = code;
    this.loss = loss;
  }
}

/**
 * Writes the help, which must be written when this returns. Throws an OutputError for files; does not wait for the
 * reader of a pipe.
 */
export function writeNow(text: string): void {
  const stdout: Writable = process.stdout;
  if (stdout instanceof Socket) stdout.write(text);
  else writeToFile(text);
}

/** Writes a text to stdout; resolves when all of it is written. Throws an OutputError. */
export async function writeOut(text: string, loss?: string): Promise<void> {
  const stdout: Writable = process.stdout;
  if (!(stdout instanceof Socket)) {
    writeToFile(text, loss);
    return;
  }
  await new Promise<void>((resolve, reject) => {
    stdout.write(text, (error) => (error ? reject(outputError(error, loss)) : resolve()));
  });
}

/** Writes a result as text or JSON. `loss` as in OutputError. */
export function print(json: boolean, value: unknown, text: string, loss?: string): Promise<void> {
  return writeOut(json ? `${JSON.stringify(value)}\n` : `${text}\n`, loss);
}

/** Writes progress and other remarks to stderr. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Renders a message as JSON, with false and 0: a script must not have to guess defaults. */
export function jsonOf<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

/** Writes to a file. For Node, a partial write to a file (full disk) is a whole one (nodejs/node#12921). */
function writeToFile(text: string, loss?: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(process.stdout.fd, bytes, at);
  } catch (error) {
    throw outputError(error, loss);
  }
}

function outputError(error: unknown, loss: string | undefined): OutputError {
  return new OutputError(error instanceof Error && "code" in error ? String(error.code) : "unknown error", loss);
}

/** A column of a table: its heading, and whether its cells may be cut to fit the terminal. */
export type Column = string | { readonly heading: string; readonly elastic: true };

/** Returns a column whose cells are cut when the terminal is too narrow for them. */
export function elastic(heading: string): Column {
  return { heading, elastic: true };
}

const narrowest = 8;

/** Renders columns as wide as their widest cell. On a terminal, elastic columns are cut until a line fits. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  lineWidth: number = process.stdout.columns ?? Number.POSITIVE_INFINITY,
): string {
  const head = columns.map((column) => (typeof column === "string" ? column : column.heading));
  const cells = [head, ...rows].map((row) => row.map((cell) => [...printable(cell)]));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const gap = 2;
  const excess = () => widths.reduce((sum, width) => sum + width + gap, -gap) - lineWidth;
  while (excess() > 0) {
    const candidates = widths.map((width, column) =>
      typeof columns[column] === "object" && width > narrowest ? width : 0,
    );
    const widest = Math.max(...candidates);
    if (widest === 0) break;
    widths[candidates.indexOf(widest)] = widest - 1;
  }
  const fitted = (cell: readonly string[], width: number): string =>
    cell.length <= width ? cell.join("") + " ".repeat(width - cell.length) : `${cell.slice(0, width - 1).join("")}…`;
  return cells
    .map((row) =>
      row
        .map((cell, column) => fitted(cell, widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Renders `name: value` lines. Entries without a value are omitted. */
export function facts(entries: readonly (readonly [name: string, value: string | undefined])[]): string {
  const told = entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined && entry[1] !== "");
  const width = Math.max(...told.map(([name]) => name.length + 1));
  return told.map(([name, value]) => `${`${name}:`.padEnd(width)} ${printable(value)}`).join("\n");
}

/** Replaces control characters: names that others chose must not control the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) => (character === "\n" ? " " : "\ufffd"));
}

/** Renders a time to the second; JSON output has the full precision. */
export function timeText(time: Timestamp | Date | undefined): string {
  if (!time) return "";
  const date = time instanceof Date ? time : timestampDate(time);
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}

const units = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
  [1, "second"],
] as const;

/** Renders a duration in the largest unit of which it is a whole number, so that nothing is rounded. */
export function durationText(seconds: number): string {
  const [length, unit] = units.find(([length]) => seconds % length === 0) ?? [1, "second"];
  const count = seconds / length;
  return `${count.toLocaleString("en")} ${unit}${count === 1 ? "" : "s"}`;
}

/** Returns the name of an enum's value, in lower case. */
export function nameOf(constant: Readonly<Record<string, unknown>>, value: unknown): string {
  const name = Object.keys(constant).find((each) => constant[each] === value);
  return name?.toLowerCase() ?? String(value);
}
