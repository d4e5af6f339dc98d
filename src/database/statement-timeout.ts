import * as driver from "#postgres";

/** A pool of connections, and the longest time for one of its statements, milliseconds. */
export interface StatementLimit {
  readonly pool: driver.Supervised;
  readonly limitMs: number;
}

/**
 * The time between two looks. A process that was suspended counts few ticks for that time, so that it does not give up
 * statements whose answers have already arrived.
 */
const tickMs = 100;

const limited = new Set<StatementLimit>();
let timer: NodeJS.Timeout | undefined;

/**
 * Ends each statement of a pool within its limit, which covers the wait for a connection, the greeting, TLS and the
 * answer. A statement that takes longer fails like one on a lost connection, and its connection is destroyed. Nothing
 * is cancelled: PostgreSQL reports a change as done when its wait for a synchronous standby is cancelled. All pools
 * share one timer, and a statement costs no more than its stamp.
 */
export function limitStatements(limit: StatementLimit): { stop(): void } {
  limited.add(limit);
  timer ??= setInterval(look, tickMs).unref();
  return {
    stop() {
      limited.delete(limit);
      if (limited.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}

function look(): void {
  driver.clock.tick++;
  for (const { pool, limitMs } of limited) pool.giveUp(driver.clock.tick - limitMs / tickMs, timedOut);
}

/** Has the code by which errors.ts recognizes a lost connection. */
function timedOut(): Error {
  return Object.assign(new Error("the database did not answer in time"), { code: "ETIMEDOUT" });
}
