import { Loop } from "../async/loop.js";
import { type Database, databaseTime } from "./database.js";
import { schemaIsCurrent } from "./migrations.js";
import { verifySettings } from "./settings.js";

const intervalMs = 2_000;
/**
 * The largest tolerated difference between two clocks, milliseconds. A token may expire this much earlier on one
 * replica than on another.
 */
const maxClockOffsetMs = 1_000;
/** The longest time for one look, milliseconds. Longer than a statement may take, whose error says more. */
const lookMs = 5_000;

export interface DatabaseWatchOptions {
  readonly database: Database;
  /** Returns this machine's wall clock, milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Called after each look with a problem that the operator must know, or with undefined when there is none. */
  readonly onLook: (problem: string | undefined) => void;
  /** Called after each comparison with both times, or with undefined when they differ by at most `maxClockOffsetMs`. */
  readonly onClock: (difference: ClockDifference | undefined) => void;
}

export interface ClockDifference {
  readonly here: Date;
  readonly database: Date;
}

/** Checks every two seconds that the database answers, has our settings and schema, and agrees with our clock. */
export class DatabaseWatch {
  readonly #options: DatabaseWatchOptions;
  readonly #loop = new Loop((stopped) => this.#look(stopped), intervalMs, { firstAfterMs: intervalMs });

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look();
    this.#loop.start();
  }

  /** Compares the clocks now and returns whether they agree; false when the database does not answer. */
  async clocksAgree(): Promise<boolean> {
    try {
      const difference = await compareClocks(this.#options);
      this.#options.onClock(difference);
      return difference === undefined;
    } catch {
      return false;
    }
  }

  /** Stops all callbacks. Waits for a look that has begun. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #look(stopped?: AbortSignal): Promise<void> {
    const { onLook, onClock } = this.#options;
    let problem: string | undefined;
    let limit: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      limit = setTimeout(() => reject(new Error("the database did not answer for five seconds")), lookMs);
    });
    try {
      const difference = await Promise.race([verify(this.#options), silence]);
      if (!stopped?.aborted) onClock(difference);
    } catch (error) {
      problem = error instanceof Error ? error.message : "failed";
    } finally {
      clearTimeout(limit);
    }
    if (!stopped?.aborted) onLook(problem);
  }
}

async function verify(options: DatabaseWatchOptions): Promise<ClockDifference | undefined> {
  await verifySettings(options.database);
  await verifySchema(options.database);
  return compareClocks(options);
}

/** Throws when the schema is not that of this version; the error says what to do. */
export async function verifySchema(database: Database): Promise<void> {
  if (await schemaIsCurrent(database)) return;
  throw new Error("the database schema is not that of this version; run `patwarden migrate` first");
}

/** Compares our clock with the database's. Each replica judges expiry by its own clock, so all must agree with it. */
async function compareClocks({
  database,
  wallMs,
}: Pick<DatabaseWatchOptions, "database" | "wallMs">): Promise<ClockDifference | undefined> {
  const before = wallMs();
  const theirs = await databaseTime(database);
  const after = wallMs();
  const agree =
    theirs.getTime() >= before - maxClockOffsetMs && theirs.getTime() <= Math.max(before, after) + maxClockOffsetMs;
  return agree ? undefined : { here: new Date(after), database: theirs };
}
