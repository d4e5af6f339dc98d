import { expect } from "vitest";
import type { H2specDifferences } from "./known-differences.js";

/** The result of h2spec or h2specd. */
export interface H2specReport {
  readonly tests: number;
  readonly skipped: number;
  /** Failed cases as `http2 5.1/8`: the part, the section, the number. Sorted. */
  readonly failed: readonly string[];
}

/** By the first word of their titles. */
const parts: Readonly<Record<string, string>> = { Generic: "generic", Hypertext: "http2", "HPACK:": "hpack" };

/** Reads what h2spec and h2specd print; throws when it is not a whole run. */
export function readH2specReport(output: string): H2specReport {
  const summary = /^(\d+) tests, \d+ passed, (\d+) skipped, (\d+) failed$/m.exec(output);
  if (!summary) throw new Error(`the suite did not end well:\n${output.slice(-4_000)}`);
  const [tests, skipped, failures] = summary.slice(1).map(Number);
  const failed = new Set<string>();
  let part = "";
  let section = "";
  for (const line of output.split(/[\r\n]+/)) {
    const [word = ""] = line.split(" ", 1);
    part = parts[word] ?? part;
    section = /^ +([\d.]+)\. /.exec(line)?.[1] ?? section;
    const number = /^ +× (\d+): /.exec(line)?.[1];
    if (number !== undefined) failed.add(`${part} ${section}/${number}`);
  }
  if (failed.size !== failures) throw new Error(`${failed.size} failures in the report of ${failures}:\n${output}`);
  return { tests: tests ?? 0, skipped: skipped ?? 0, failed: [...failed].toSorted() };
}

/** Fails unless the suite found the known differences, and no more than their number. */
export function expectKnown({ tests, skipped, failed }: H2specReport, all: number, known: H2specDifferences): void {
  expect(tests).toBe(all);
  expect(skipped).toBeLessThanOrEqual(known.skipped);
  expect(failed).toEqual(expect.arrayContaining([...known.failing]));
  expect(failed.length, failed.join(", ")).toBeLessThanOrEqual(known.atMost);
}
