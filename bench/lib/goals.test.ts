import { describe, expect, it } from "vitest";
import { goalsOf, isMet } from "./goals.js";
import type { Facts, Measurement } from "./measurement.js";
import { rows } from "./scenarios.js";

const measurement = (totalCpuUs: number, aloneMs?: number): Measurement => ({
  decisionsPerSecond: 1,
  p50Ms: 1,
  p99Ms: 1,
  alone: aloneMs === undefined ? undefined : { p50Ms: aloneMs, p99Ms: aloneMs, totalCpuUs: 1 },
  cpuUs: {},
  totalCpuUs,
  generatorCpuUs: 1,
  otherPercent: 0,
  faults: 0,
});
const nothing: Facts = { revocation: undefined, memory: undefined, embeddedStartMs: [], helpMs: [], strangers: [] };

describe("the goals", () => {
  it("compare within each round and take the median of that", () => {
    const rounds = new Map([
      // A busy second round made everything slower.
      [rows.checkOn.name, [measurement(120), measurement(300), measurement(130)]],
      [rows.directOn.name, [measurement(100), measurement(200), measurement(100)]],
    ]);
    const goal = goalsOf(rounds, nothing).find(({ what }) => what === "Check over a direct one, cache on");
    expect(goal).toMatchObject({ value: 1.3, limit: 0.6 });
  });

  it("compare calls on 64 connections with direct ones on as many", () => {
    const rounds = new Map([
      [rows.checkOnSpread.name, [measurement(150)]],
      [rows.directOn.name, [measurement(100)]],
      [rows.directOnSpread.name, [measurement(200)]],
    ]);
    const goal = goalsOf(rounds, nothing).find(
      ({ what }) => what === "Check over a direct one, 64 connections, cache on",
    );
    expect(goal).toMatchObject({ value: 0.75 });
  });

  it("hold at their limit and not above", () => {
    const alone = (ms: number) => {
      const rounds = new Map([
        [rows.checkOn.name, [measurement(1, 1 + ms)]],
        [rows.directOn.name, [measurement(1, 1)]],
      ]);
      return goalsOf(rounds, nothing).find(({ what }) => what.startsWith("Check alone, p50 more"));
    };
    expect([0.125, 0.25].map((ms) => isMet(alone(ms) ?? expect.fail()))).toEqual([true, false]);
  });

  it("are neither met nor missed where nothing was measured", () => {
    const goals = goalsOf(new Map(), nothing);
    expect(goals.length).toBeGreaterThan(10);
    expect(goals.map(isMet).filter((met) => met !== undefined)).toEqual([]);
  });
});
