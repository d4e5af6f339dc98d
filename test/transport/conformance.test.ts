import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type ConformanceDifferences, knownDifferences } from "./known-differences.js";
import type { Engine } from "./raw-server.js";
import { haveSuite, runSuite } from "./suites.js";

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Result {
  readonly total: number;
  readonly passed: number;
  /** By the name of the case, each reason one line. */
  readonly failures: ReadonlyMap<string, readonly string[]>;
}

interface Case {
  readonly engine: Engine;
  readonly mode: "server" | "client";
  /** Says which cases apply. */
  readonly conf: string;
  /** The number of those that are run. */
  readonly total: number;
}

async function runConformance({ engine, mode, conf }: Case): Promise<Result> {
  const { endless = [] } = knownDifferences[engine][mode];
  const flags = [
    ...["--conf", file(conf), "--mode", mode],
    ...(mode === "server" ? ["--max-servers", "1", "-p", "2"] : []),
    ...endless.flatMap((pattern) => ["--skip", pattern]),
  ];
  const program = [process.execPath, "--import", "tsx", file(`conformance-${mode}.ts`), "--engine", engine];
  const { output } = await runSuite("connectconformance", [...flags, "--", ...program], 170_000);
  const [, total, passed] = /^Total cases: (\d+)\n(\d+) passed, \d+ failed$/m.exec(output) ?? [];
  if (total === undefined) throw new Error(`connectconformance did not end well:\n${output.slice(-4_000)}`);
  const failures = [...output.matchAll(/^FAILED: (.+):\n((?:\t.*\n)*)/gm)].map(
    ([, name = "", reasons = ""]) => [name, reasons.trim().split(/\s*\n\s*/)] as const,
  );
  return { total: Number(total), passed: Number(passed), failures: new Map(failures) };
}

/** Returns the names of the cases that failed, but for formalities and cases that fail now and then. */
function failing({ failures }: Result, { formality, unsteady }: ConformanceDifferences): readonly string[] {
  return [...failures]
    .filter(([name]) => !unsteady?.test(name))
    .filter(([, reasons]) => !reasons.every((reason) => formality?.test(reason)))
    .map(([name]) => name)
    .toSorted();
}

/** Returns the names of the cases that an engine is known to fail, over plaintext and TLS. */
function knownToFail({ failing }: ConformanceDifferences): readonly string[] {
  return failing
    .flatMap((name) => [false, true].map((tls) => name.replace("/HTTPVersion:2/", `/HTTPVersion:2/TLS:${tls}/`)))
    .toSorted();
}

describe.skipIf(!haveSuite("connectconformance"))("connectconformance finds nothing but the known differences", () => {
  const cases: readonly Case[] = [
    { engine: "builtin", mode: "server", conf: "conformance-server.yaml", total: 570 },
    { engine: "grpc-js", mode: "server", conf: "conformance-server.yaml", total: 570 },
    { engine: "builtin", mode: "client", conf: "conformance-client-builtin.yaml", total: 236 },
    { engine: "grpc-js", mode: "client", conf: "conformance-client.yaml", total: 644 },
  ];
  it.each(cases)("in $engine as a $mode", { timeout: 180_000 }, async (each) => {
    const { engine, mode, total } = each;
    const result = await runConformance(each);
    const known = knownDifferences[engine][mode];
    expect(failing(result, known)).toEqual(knownToFail(known));
    expect([result.total, result.passed]).toEqual([total, total - result.failures.size]);
  });
});
