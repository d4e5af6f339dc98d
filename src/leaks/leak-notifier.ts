import { Loop } from "../async/loop.js";
import type { Clock } from "../domain/clock.js";
import type { Logger } from "../telemetry/log.js";
import type { LeakNotice } from "./leak.js";
import type { LeakStore } from "./leak-store.js";

export interface LeakNotifierOptions {
  readonly store: Pick<LeakStore, "claim" | "notified">;
  /** Tells somebody; throws unless they have been told. Gives up when its signal is aborted, which ends the process. */
  readonly tell: (notice: LeakNotice, stopped: AbortSignal) => Promise<void>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Between two looks for leaks that nobody was told of, milliseconds. Default 5,000. */
  readonly intervalMs?: number;
}

/** Longer than telling somebody takes, so that no other process does it meanwhile. */
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;

/**
 * Tells somebody of each leaked token, in the background and on every replica: one of them takes it. What could not be
 * told is tried again after half a minute, and after twice as long each time up to an hour, for as long as the token is
 * kept. Told twice is only who was told when a process or the database ended before that was written down.
 */
export class LeakNotifier {
  readonly #options: LeakNotifierOptions;
  readonly #loop: Loop;

  constructor(options: LeakNotifierOptions) {
    this.#options = options;
    this.#loop = new Loop((stopped) => this.#look(stopped), options.intervalMs ?? 5_000);
  }

  start(): void {
    this.#loop.start();
  }

  /** There is something to tell. */
  wake(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #look(stopped: AbortSignal): Promise<void> {
    const { store, tell, log, clock } = this.#options;
    let taken: LeakNotice | undefined;
    try {
      while (!stopped.aborted) {
        taken = await store.claim(clock.now(), (attemptsBefore) => {
          const pauseMs = Math.min(firstPauseMs * 2 ** attemptsBefore, longestPauseMs);
          return new Date(clock.now().getTime() + pauseMs);
        });
        if (!taken) return;
        await tell(taken, stopped);
        await store.notified(taken.id, clock.now());
      }
    } catch (error) {
      // The others have their turn at the next look: a receiver that did not answer now would not answer to them
      // either.
      if (!stopped.aborted)
        log.warn({ error, tokenId: taken?.id }, "nobody could be told of a leaked token; trying on");
    }
  }
}

/** For where nothing else is configured: a line of the log is all that tells. It has ids and no names: logs go far. */
export function tellLog(log: Logger): LeakNotifierOptions["tell"] {
  return async ({ id, subject, reporter, revoked }) => {
    log.warn({ event: "leaked", tokenId: id, subject, reporter, revoked }, "a token leaked");
  };
}
