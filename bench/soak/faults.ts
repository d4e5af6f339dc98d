import { setTimeout as sleep } from "node:timers/promises";
import type { TestClock } from "../../test/kit/clock.js";
import { anyOf, type Replicas, type Surroundings } from "./replicas.js";

/**
 * A fault that is caused while the load continues; it is over when `run` resolves. No call may fail for more than some
 * seconds longer than the fault lasts.
 */
export interface Fault {
  readonly name: string;
  run(): Promise<void>;
}

/** Some faults are short enough that calls still succeed, others are not. */
const shortestMs = 100;
const longestMs = 4_000;
/** Only the database's clock is stepped by an hour: a replica's clock ends graces and repeats within ten minutes. */
const steps = { ofReplica: [800, 10_000], ofDatabase: [800, 10_000, 3_600_000] };

const someTime = (): Promise<void> => sleep(shortestMs + Math.random() * (longestMs - shortestMs));

/** Returns all faults; each chooses a replica when it runs. */
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
      name: "a replica is frozen",
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
