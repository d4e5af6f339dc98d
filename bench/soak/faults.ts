import { setTimeout as sleep } from "node:timers/promises";
import type { TestClock } from "../../test/kit/clock.js";
import { anyOf, type Replicas, type Surroundings } from "./replicas.js";

/**
 * What happens while the load goes on, and is over when it resolves. No call need fail for longer than it lasts and
 * some seconds.
 */
export interface Fault {
  readonly name: string;
  run(): Promise<void>;
}

/** Seconds that are ridden out, and seconds that are not. */
const shortestMs = 100;
const longestMs = 4_000;
/**
 * An hour is stepped on the database alone: graces and repeats of requests end by a replica's clock, within ten
 * minutes.
 */
const steps = { ofReplica: [800, 10_000], ofDatabase: [800, 10_000, 3_600_000] };

const someTime = (): Promise<void> => sleep(shortestMs + Math.random() * (longestMs - shortestMs));

/** All of them, of which each chooses a replica when it runs. */
export function faultsOf(replicas: Replicas, databaseClock: TestClock | undefined): readonly Fault[] {
  const one = (): Surroundings => anyOf(replicas.surroundings);
  const lost = (way: "database" | "openfga", how: "cut" | "stall"): Fault => ({
    name: `${way} ${how === "cut" ? "cut off" : "silent"} for one replica`,
    async run() {
      const proxy = one()[way];
      proxy[how]();
      await someTime();
      proxy.heal();
    },
  });
  const stepped = (name: string, clockOf: () => TestClock | undefined, sizes: readonly number[]): Fault => ({
    name,
    async run() {
      const clock = clockOf();
      clock?.step(anyOf(sizes) * anyOf([1, -1]));
      await someTime();
      clock?.reset();
    },
  });
  return [
    lost("database", "cut"),
    lost("database", "stall"),
    lost("openfga", "cut"),
    lost("openfga", "stall"),
    {
      name: "database silent for all replicas",
      async run() {
        for (const { database } of replicas.surroundings) database.stall();
        await someTime();
        for (const { database } of replicas.surroundings) database.heal();
      },
    },
    {
      name: "a replica stands still",
      async run() {
        const thaw = replicas.freeze(anyOf(replicas.numbers));
        await someTime();
        thaw();
      },
    },
    ...(databaseClock
      ? [
          stepped("the clock of a replica stepped", () => one().clock, steps.ofReplica),
          stepped("the clock of the database stepped", () => databaseClock, steps.ofDatabase),
        ]
      : []),
  ];
}
