import { setTimeout as sleep } from "node:timers/promises";
import type { TestClock } from "../../test/kit/clock.js";
import type { OpenFga } from "../lib/openfga.js";
import { anyOf, type Replicas } from "./replicas.js";

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
  const one = (): number => anyOf(replicas.numbers);
  const forAll = (name: string, begin: () => () => void): Fault => ({
    name,
    run: () =>
      replicas.trouble(replicas.numbers, async () => {
        const end = begin();
        await someTime();
        end();
      }),
  });
  const lost = (way: "database" | "openfga", how: "cut" | "stall"): Fault => ({
    name: `${way} ${how === "cut" ? "cut off" : "silent"} for one replica`,
    run() {
      const number = one();
      return replicas.trouble([number], async () => {
        const proxy = replicas.surroundingsOf(number)[way];
        proxy[how]();
        await someTime();
        proxy.heal();
      });
    },
  });
  const stepped = (name: string, clockOf: () => TestClock | undefined, sizes: readonly number[]): Fault =>
    forAll(name, () => {
      const clock = clockOf();
      clock?.step(anyOf(sizes) * anyOf([1, -1]));
      return () => clock?.reset();
    });
  return [
    lost("database", "cut"),
    lost("database", "stall"),
    lost("openfga", "cut"),
    lost("openfga", "stall"),
    forAll("database silent for all replicas", () => {
      for (const { database } of replicas.surroundings) database.stall();
      return () => {
        for (const { database } of replicas.surroundings) database.heal();
      };
    }),
    forAll("OpenFGA is frozen", () => openfga.freeze()),
    {
      name: "OpenFGA is stopped",
      run: () =>
        replicas.trouble(replicas.numbers, async () => {
          await openfga.stop();
          await someTime();
          await openfga.start();
        }),
    },
    {
      name: "a replica is frozen",
      run() {
        const number = one();
        return replicas.trouble([number], async () => {
          const thaw = replicas.freeze(number);
          await someTime();
          thaw();
        });
      },
    },
    ...(databaseClock
      ? [
          stepped("the clock of a replica stepped", () => anyOf(replicas.surroundings).clock, steps.ofReplica),
          stepped("the clock of the database stepped", () => databaseClock, steps.ofDatabase),
        ]
      : []),
  ];
}
