import * as driver from "#postgres";

/** A pool of connections, and the longest time for one of its statements, milliseconds. */
export interface StatementLimit {
  readonly pool: driver.Supervised;
  readonly limitMs: number;
}

/**
 * Milliseconds between two ticks. A process that was suspended counts few ticks for that time, so that it does not give
 * up statements whose answers have already arrived.
 */
const tickMs = 100;

const limited = new Set<StatementLimit>();
let timer: NodeJS.Timeout | undefined;

/**
 * Ends each statement of a pool within its limit. The limit covers the wait for a connection, the startup messages, TLS
 * and the answer. A statement that takes longer fails like one on a lost connection, and its connection is destroyed.
 * Nothing is canceled in PostgreSQL: it reports a change as done when its wait for a synchronous standby is canceled.
 * All pools share one timer, so a statement costs only a time stamp.
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

/** Returns an error with a code that errors.ts recognizes as a lost connection. */
function timedOut(): Error {
  return Object.assign(new Error("the database did not answer in time"), { code: "ETIMEDOUT" });
}
