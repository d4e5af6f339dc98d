import * as driver from "#postgres";

/** A pool of connections, and how long one of its statements may take, milliseconds. */
export interface Supervision {
  readonly pool: driver.Supervised;
  readonly limitMs: number;
}

/**
 * How often it is looked. A process that stood still counts few ticks for it, so that it does not give up statements whose answers have been waiting
 * for it to go on.
 */
const tickMs = 100;

const supervised = new Set<Supervision>();
let timer: NodeJS.Timeout | undefined;

/**
 * Sees to it that each statement ends: the wait for a connection, the greeting and TLS, and the answer count together. One that takes longer fails as
 * one on a lost connection does, and the connection that owes its answer is destroyed. Nothing is cancelled: PostgreSQL reports a change as done
 * when its wait for a synchronous standby is cancelled. One timer for all; a statement itself costs no more than its stamp.
 */
export function supervise(supervision: Supervision): { stop(): void } {
  supervised.add(supervision);
  timer ??= setInterval(look, tickMs).unref();
  return {
    stop() {
      supervised.delete(supervision);
      if (supervised.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}

function look(): void {
  driver.clock.tick++;
  for (const { pool, limitMs } of supervised) pool.giveUp(driver.clock.tick - limitMs / tickMs, timedOut);
}

/** With the code by which database/errors.ts knows a lost connection. */
function timedOut(): Error {
  return Object.assign(new Error("the database did not answer in time"), { code: "ETIMEDOUT" });
}
