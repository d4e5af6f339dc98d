import { Loop } from "../background/loop.js";
import type { Clock } from "../check/clock.js";
import type { Vital } from "../observability/vitals.js";
import { type Database, databaseTime } from "../store/database.js";
import { schemaIsCurrent } from "../store/migrations.js";

const intervalMs = 2_000;
const maxClockOffsetMs = 1_000;

export interface DatabaseWatchOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly report: (vital: Vital) => void;
}

/** Looks again and again whether the database answers, is of this version and keeps our time. */
export class DatabaseWatch {
  readonly #options: DatabaseWatchOptions;
  readonly #loop = new Loop((stopped) => this.#look(stopped), intervalMs);

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look();
    this.#loop.start();
  }

  /** Says no more from now on. Lets a look that has begun end. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #look(stopped?: AbortSignal): Promise<void> {
    const { database, clock, report } = this.#options;
    let vital: Vital = { ok: true };
    try {
      await verifySchema(database);
      await verifyClock(database, clock);
    } catch (error) {
      vital = { ok: false, problem: error instanceof Error ? error.message : "failed" };
    }
    if (!stopped?.aborted) report(vital);
  }
}

/** Throws with what to do next. */
export async function verifySchema(database: Database): Promise<void> {
  if (await schemaIsCurrent(database)) return;
  throw new Error("the database schema is not that of this version; run `patwarden migrate` first");
}

/** Expiry is judged by our clock, and replicas must agree about it. */
async function verifyClock(database: Database, clock: Clock): Promise<void> {
  const before = clock.now().getTime();
  const theirs = (await databaseTime(database)).getTime();
  const after = clock.now().getTime();
  if (theirs < before - maxClockOffsetMs || theirs > after + maxClockOffsetMs) {
    throw new Error("the clocks of this machine and the database's differ by more than a second; synchronize them");
  }
}
