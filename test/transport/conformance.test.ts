import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type KnownDifferences, knownDifferences } from "./known-differences.js";
import { engines } from "./raw-server.js";
import { haveSuite, runSuite } from "./suites.js";

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Result {
  readonly total: number;
  readonly passed: number;
  /** By the name of the case, each reason one line. */
  readonly failures: ReadonlyMap<string, readonly string[]>;
}

async function runConformance(mode: "server" | "client", program: readonly string[]): Promise<Result> {
  const flags = mode === "server" ? ["--max-servers", "1", "-p", "2"] : [];
  const { output } = await runSuite(
    "connectconformance",
    ["--conf", file(`conformance-${mode}.yaml`), "--mode", mode, ...flags, "--", process.execPath, ...program],
    170_000,
  );
  const [, total, passed] = /\nTotal cases: (\d+)\n(\d+) passed, \d+ failed/.exec(output) ?? [];
  if (total === undefined) throw new Error(`connectconformance did not end well:\n${output.slice(-4_000)}`);
  const failures = [...output.matchAll(/^FAILED: (.+):\n((?:\t.*\n)*)/gm)].map(
    ([, name = "", reasons = ""]) =>
      [
        name,
        reasons
          .split("\n")
          .map((each) => each.trim())
          .filter((each) => each !== ""),
      ] as const,
  );
  return { total: Number(total), passed: Number(passed), failures: new Map(failures) };
}

/** Returns the names of the cases that failed for more than a formality, with and without TLS. */
function withoutFormalities({ failures }: Result, { conformanceFormalities }: KnownDifferences): readonly string[] {
  return [...failures].flatMap(([name, reasons]) =>
    reasons.some((reason) => !conformanceFormalities.test(reason)) ? [name] : [],
  );
}

describe.skipIf(!haveSuite("connectconformance"))("connectconformance", () => {
  it.each(engines)(
    "finds nothing but the known differences in a server of %s",
    { timeout: 180_000 },
    async (engine) => {
      const program = ["--import", "tsx", file("conformance-server.ts"), "--engine", engine];
      const result = await runConformance("server", program);
      const known = knownDifferences[engine];
      const expected = [...known.conformance].flatMap((name) =>
        [false, true].map((tls) => name.replace("/HTTPVersion:2/", `/HTTPVersion:2/TLS:${tls}/`)),
      );
      expect(withoutFormalities(result, known).toSorted()).toEqual(expected.toSorted());
      expect([result.total, result.passed]).toEqual([570, 570 - result.failures.size]);
    },
  );
});
