import { expect, it } from "vitest";
import { HealthChecks } from "./health-checks.js";
import type { Logger } from "./log.js";

it("logs each change once, and a problem that lasts once a minute", () => {
  const lines: string[] = [];
  const line = (facts: { readonly problem?: string }, text: string) => void lines.push(facts.problem ?? text);
  const log = { info: line, warn: line } as unknown as Logger; // HealthChecks uses no more of it
  let now = 0;
  const checks = new HealthChecks(["openfga"], log, undefined, () => now);
  const report = (problem?: string) => checks.report("openfga", { ok: !problem, ...(problem && { problem }) });
  for (; now < 150_000; now += 1_000) report("the key is refused");
  expect(lines).toEqual(["the key is refused", "the key is refused", "the key is refused"]);
  expect(checks.ready).toBe(false);
  report("nothing listens");
  report();
  report();
  expect(lines.slice(3)).toEqual(["nothing listens", "healthy: openfga"]);
  expect(checks.ready).toBe(true);
});
