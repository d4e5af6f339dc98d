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
   * Compares this machine's clock with the database's; nothing is attested where they differ, since cuts rely on these
   * times. Default: they agree.
   */
  readonly clocksAgree?: () => Promise<boolean>;
  /** Between two looks for new events, milliseconds. Default 1,000. */
  readonly intervalMs?: number;
  /** Looks between two checkpoints. Default 60: a minute. */
  readonly looksPerCheckpoint?: number;
  /** Events of one transaction. Default 100: other calls have their turn in between. */
  readonly batch?: number;
}

export interface Sealer {
  start(): void;
  /** Lets a look that has begun end. */
  stop(): Promise<void>;
  /** Seals everything that waits. One look, as the loop does it: a failure is logged and not thrown. */
  look(): Promise<void>;
}

/**
 * Seals events in the background. Every replica runs one, and a lock in the database lets one at a time work. Each
 * writes a checkpoint to its log when the chain has grown: logs go off the host, and what they attest cannot be taken
 * back. One an hour is kept beside the chain, as a place where it may be cut one day.
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
      // Only after a success: a checkpoint that could not be written is tried again at the next look.
      looks = (looks + 1) % looksPerCheckpoint;
      if (failing) log.info("audit events are sealed again");
      failing = false;
    } catch (error) {
      // Once for each outage, not once a second.
      if (!failing) log.warn({ error }, "audit events could not be sealed; trying on");
      failing = true;
    }
  }

  async function checkpoint(): Promise<void> {
    const last = await store.lastSeal();
    const before = attested;
    if (before && (last?.position ?? 0) < before.position) {
      log.error({ position: last?.position ?? 0, attested: before.position }, "THE AUDIT CHAIN HAS BEEN CUT");
      return;
    }
    if (!last || !(await clocksAgree())) return;
    if (before?.position === last.position) {
      if (Buffer.compare(before.hash, last.hash) !== 0)
        log.error({ position: last.position }, "THE AUDIT CHAIN HAS BEEN REWRITTEN");
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
