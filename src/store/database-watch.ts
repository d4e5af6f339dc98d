import { Loop } from "../background/loop.js";
import { type Database, databaseTime } from "./database.js";
import { schemaIsCurrent } from "./migrations.js";

const intervalMs = 2_000;
const maxClockOffsetMs = 1_000;

export interface DatabaseWatchOptions {
  readonly database: Database;
  readonly now: () => Date;
  /** Told after each look, for an operator: undefined is well. */
  readonly onLook: (problem: string | undefined) => void;
}

/** Looks again and again whether the database answers, is of this version and keeps our time. */
export class DatabaseWatch {
  readonly #options: DatabaseWatchOptions;
  readonly #loop = new Loop((stopped) => this.#look(stopped), intervalMs, intervalMs);

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look();
    this.#loop.start();
  }

  /** Tells no more from now on. Lets a look that has begun end. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #look(stopped?: AbortSignal): Promise<void> {
    const { database, now, onLook } = this.#options;
    let problem: string | undefined;
    try {
      await verifySchema(database);
      await verifyClock(database, now);
    } catch (error) {
      problem = error instanceof Error ? error.message : "failed";
    }
    if (!stopped?.aborted) onLook(problem);
  }
}

/** Throws with what to do next. */
export async function verifySchema(database: Database): Promise<void> {
  if (await schemaIsCurrent(database)) return;
  throw new Error("the database schema is not that of this version; run `patwarden migrate` first");
}

/** Expiry is judged by our clock, and replicas must agree about it. */
async function verifyClock(database: Database, now: () => Date): Promise<void> {
  const before = now().getTime();
  const theirs = (await databaseTime(database)).getTime();
  const after = now().getTime();
  if (theirs < before - maxClockOffsetMs || theirs > after + maxClockOffsetMs) {
    throw new Error("the clocks of this machine and the database's differ by more than a second; synchronize them");
  }
}
