import { setTimeout as sleep } from "node:timers/promises";
import type { TestClock } from "../../test/kit/clock.js";
import type { OpenFga } from "../lib/openfga.js";
import { anyOf, type Replicas, type Surroundings } from "./replicas.js";
import { vanish } from "./vanish.js";

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
export function faultsOf(replicas: Replicas, openfga: OpenFga, databaseClock: TestClock | undefined): readonly Fault[] {
  const one = (): Surroundings => anyOf(replicas.surroundings);
  /** Makes a fault of what causes it and returns the way to end it. */
  const during = (name: string, begin: () => () => void): Fault => ({
    name,
    async run() {
      const end = begin();
      await someTime();
      end();
    },
  });
  const lost = (way: "database" | "openfga", how: "cut" | "stall"): Fault =>
    during(`${way} ${how === "cut" ? "cut off" : "silent"} for one replica`, () => {
      const proxy = one()[way];
      proxy[how]();
      return () => proxy.heal();
    });
  const stepped = (name: string, clockOf: () => TestClock | undefined, sizes: readonly number[]): Fault =>
    during(name, () => {
      const clock = clockOf();
      clock?.step(anyOf(sizes) * anyOf([1, -1]));
      return () => clock?.reset();
    });
  return [
    lost("database", "cut"),
    lost("database", "stall"),
    lost("openfga", "cut"),
    lost("openfga", "stall"),
    during("database silent for all replicas", () => {
      for (const { database } of replicas.surroundings) database.stall();
      return () => {
        for (const { database } of replicas.surroundings) database.heal();
      };
    }),
    during("OpenFGA is frozen", () => openfga.freeze()),
    {
      name: "OpenFGA is stopped",
      async run() {
        await openfga.stop();
        await someTime();
        await openfga.start();
      },
    },
    { name: "callers of a replica vanish", run: () => vanish(anyOf(replicas.servers)) },
    during("a replica is frozen", () => replicas.freeze(anyOf(replicas.numbers))),
    ...(databaseClock
      ? [
          stepped("the clock of a replica stepped", () => one().clock, steps.ofReplica),
          stepped("the clock of the database stepped", () => databaseClock, steps.ofDatabase),
        ]
      : []),
  ];
}
