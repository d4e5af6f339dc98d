import type { KeyObject } from "node:crypto";
import { Loop } from "../async/loop.js";
import type { Clock } from "../domain/clock.js";
import type { Logger } from "../telemetry/log.js";
import type { AuditStore } from "./audit-store.js";
import { type Place, signCheckpoint } from "./chain.js";

export interface SealerOptions {
  readonly store: Pick<AuditStore, "sealNext" | "lastSeal" | "keepCheckpoint">;
  readonly log: Logger;
  /** Signs the checkpoints: `checkpointKey(peppers.deriveKey(checkpointKeyLabel))`. */
  readonly key: KeyObject;
  readonly clock: Clock;
  /**
   * Compares the clocks of this machine and the database. When they differ, no checkpoint is written, because cuts rely
   * on the times of checkpoints. Default: they agree.
   */
  readonly clocksAgree?: () => Promise<boolean>;
  /** Pause between two looks for new events, milliseconds. Default 1,000. */
  readonly intervalMs?: number;
  /** Looks between two checkpoints. Default 60: a minute. */
  readonly looksPerCheckpoint?: number;
  /** Most events of one transaction. Default 100, so that other calls get their turn in between. */
  readonly batch?: number;
}

export interface Sealer {
  start(): void;
  /** Stops. Resolves when a look that has begun has ended. */
  stop(): Promise<void>;
  /** Seals all waiting events once, as the loop does. A failure is logged and not thrown. */
  look(): Promise<void>;
}

/**
 * Seals events in the background. Every replica runs one; a lock in the database lets only one work at a time. Each
 * writes a checkpoint to its log when the chain has grown: logs are sent to other hosts, where an attacker cannot
 * change them. One checkpoint an hour is stored in the database: the retention may later cut the chain there.
 */
export function createSealer(options: SealerOptions): Sealer {
  const { store, log, key, clock, intervalMs = 1_000, looksPerCheckpoint = 60, batch = 100 } = options;
  const { clocksAgree = async () => true } = options;
  let failing = false;
  let looks = 0;
  let attested: Place | undefined;

  async function look(): Promise<void> {
    try {
      let sealed: number;
      do sealed = await store.sealNext(batch);
      while (sealed === batch);
      if (looks === 0) await checkpoint();
      // Counted only after a success: a checkpoint that could not be written is tried again in the next look.
      looks = (looks + 1) % looksPerCheckpoint;
      if (failing) log.info("audit events are sealed again");
      failing = false;
    } catch (error) {
      // Logged once for each outage, not once a second.
      if (!failing) log.warn({ error }, "failed to seal audit events; retrying");
      failing = true;
    }
  }

  async function checkpoint(): Promise<void> {
    const last = await store.lastSeal();
    const before = attested;
    if (before && (last?.position ?? 0) < before.position) {
      log.error({ position: last?.position ?? 0, attested: before.position }, "THE END OF THE AUDIT CHAIN WAS REMOVED");
      return;
    }
    if (!last || !(await clocksAgree())) return;
    if (before?.position === last.position) {
      if (Buffer.compare(before.hash, last.hash) !== 0)
        log.error({ position: last.position }, "THE AUDIT CHAIN WAS REWRITTEN");
      return;
    }
    const time = clock.now();
    const line = signCheckpoint(key, { ...last, time });
    await store.keepCheckpoint({ position: last.position, time, statement: line });
    attested = last;
    log.info({ position: last.position, checkpoint: line }, "audit checkpoint");
  }

  const loop = new Loop(look, intervalMs);
  return { look, start: () => loop.start(), stop: () => loop.stop() };
}
