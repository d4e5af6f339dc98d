import { Loop } from "../async/loop.js";
import type { Clock } from "../domain/clock.js";
import type { Logger } from "../telemetry/log.js";
import type { LeakNotice } from "./leak.js";
import type { LeakStore } from "./leak-store.js";

export interface LeakNotifierOptions {
  readonly store: Pick<LeakStore, "claim" | "notified">;
  /**
   * Sends a notification; throws unless it was delivered. Must give up when its signal is aborted: the process ends.
   */
  readonly tell: (notice: LeakNotice, stopped: AbortSignal) => Promise<void>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Milliseconds between two looks for leaks without a notification. Default 5,000. */
  readonly intervalMs?: number;
}

/** Longer than one notification takes, so that no other process sends it meanwhile. */
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;

/**
 * Sends a notification for each leaked token, in the background. It runs on every replica, and one of them takes the
 * leak. A notification that failed is tried again after half a minute, then after twice as long each time, up to an
 * hour, for as long as the token is kept. It is sent twice only when a process or the database stopped before the
 * success was stored.
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

  /** Looks for leaks now. */
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
      // Other leaks are tried at the next look: a receiver that does not answer now would not answer for them either.
      if (!stopped.aborted)
        log.warn({ error, tokenId: taken?.id }, "failed to send the notification of a leaked token; retrying later");
    }
  }
}

/** Writes a log line, when no webhook is configured. It has ids and no names, since logs are read by many. */
export function tellLog(log: Logger): LeakNotifierOptions["tell"] {
  return async ({ id, subject, reporter, revoked }) => {
    log.warn({ event: "leaked", tokenId: id, subject, reporter, revoked }, "a token leaked");
  };
}
