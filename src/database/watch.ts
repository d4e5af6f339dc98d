import { Loop } from "../async/loop.js";
import { type Database, databaseTime } from "./database.js";
import { schemaIsCurrent } from "./migrations.js";
import { verifySettings } from "./settings.js";

const intervalMs = 2_000;
/** What two clocks may differ by and both be right, milliseconds: a token may expire so much earlier on one replica than on another. */
const maxClockOffsetMs = 1_000;
/** Longest time for one look. More than one statement may take, whose failure says more. */
const lookMs = 5_000;

export interface DatabaseWatchOptions {
  readonly database: Database;
  /** This machine's wall clock as it is, milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Told after each look, for an operator: undefined is well. */
  readonly onLook: (problem: string | undefined) => void;
  /** Called after each comparison with what both clocks say, or undefined when they differ by no more than `maxClockOffsetMs`. */
  readonly onClock: (difference: ClockDifference | undefined) => void;
}

export interface ClockDifference {
  readonly here: Date;
  readonly database: Date;
}

/** Looks again and again whether the database answers, has the settings and the schema of this version, and keeps our time. */
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

  /** Compares the clocks now, for what must not be done by a wrong one. Whether they agree; false when the database does not answer. */
  async clocksAgree(): Promise<boolean> {
    try {
      const difference = await compareClocks(this.#options);
      this.#options.onClock(difference);
      return difference === undefined;
    } catch {
      return false;
    }
  }

  /** Tells no more from now on. Lets a look that has begun end. */
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

/** Throws with what to do next. */
export async function verifySchema(database: Database): Promise<void> {
  if (await schemaIsCurrent(database)) return;
  throw new Error("the database schema is not that of this version; run `patwarden migrate` first");
}

/** Expiry is judged by each replica's clock: all must agree about it, and the database's is what they have in common. */
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
