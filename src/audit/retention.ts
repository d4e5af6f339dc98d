import type { KeyObject } from "node:crypto";
import { Loop } from "../async/loop.js";
import type { Clock } from "../domain/clock.js";
import type { Logger } from "../telemetry/log.js";
import type { AuditStore, KeptCheckpoint } from "./audit-store.js";
import { type Checkpoint, type SealedEvent, signStatement, verifyChain, verifyStatement } from "./chain.js";

export interface RetentionOptions {
  readonly store: Pick<
    AuditStore,
    "firstCheckpoint" | "lastCheckpointBefore" | "checkpointsBelow" | "restate" | "readSealed" | "cut" | "deleteBefore"
  >;
  /** Deletes up to `limit` tokens that had ended for good before a time, and returns how many. */
  readonly deleteDeadTokens: (before: Date, limit: number) => Promise<number>;
  /** The key that signs, derived from the active pepper, as for the sealer. */
  readonly key: KeyObject;
  /** The keys that verify, derived from all peppers. */
  readonly keys: readonly KeyObject[];
  readonly log: Logger;
  readonly clock: Clock;
  /** Compares the clocks of this machine and the database; nothing is deleted when they differ. Default: they agree. */
  readonly clocksAgree?: () => Promise<boolean>;
  /** How long events are kept, and tokens after their end, milliseconds. Undefined: nothing is ever deleted. */
  readonly retentionMs: number | undefined;
  /** Pause between two runs, milliseconds. Default 3,600,000. */
  readonly intervalMs?: number;
  /** Most rows of one transaction. Default 1,000. */
  readonly batch?: number;
}

export interface Retention {
  start(): void;
  /** Stops after the transaction that has begun. */
  stop(): Promise<void>;
  /** Runs once, as the loop does. A failure is logged and not thrown. */
  look(stopped?: AbortSignal): Promise<void>;
}

/**
 * Deletes events and tokens older than the retention, in the background. Every replica may run one. The trail is cut
 * only at a checkpoint whose signed time is older than the retention: a person who can write to the database cannot
 * have young events deleted by making them look old. Before a cut, the chain up to there is verified, so that no proof
 * of a forgery is deleted. The cut is signed: `audit verify` detects a beginning that somebody else removed.
 */
export function createRetention(options: RetentionOptions): Retention {
  const {
    store,
    key,
    keys,
    log,
    clock,
    retentionMs,
    deleteDeadTokens,
    intervalMs = 3_600_000,
    batch = 1_000,
  } = options;
  const { clocksAgree = async () => true } = options;
  const never = new AbortController().signal;

  async function look(stopped = never): Promise<void> {
    try {
      await signAnew(stopped);
      if (retentionMs === undefined || !(await clocksAgree())) return;
      const before = new Date(clock.now().getTime() - retentionMs);
      await cutTrail(before, stopped);
      const tokens = await inBatches(() => deleteDeadTokens(before, batch), stopped);
      if (tokens > 0) log.info({ tokens }, "deleted tokens that ended longer ago than the retention");
    } catch (error) {
      log.warn({ error }, "failed to delete events and tokens older than the retention; retrying later");
    }
  }

  /**
   * Signs all stored statements again when the active pepper has changed. Otherwise they could not be verified after
   * the old pepper is removed.
   */
  async function signAnew(stopped: AbortSignal): Promise<void> {
    const first = await store.firstCheckpoint();
    if (!first || verifyStatement([key], first.statement) || !verifyStatement(keys, first.statement)) return;
    // The first checkpoint is signed last: while its signature is old, the work is not done.
    for (let below = Number.MAX_SAFE_INTEGER; !stopped.aborted; ) {
      const page = await store.checkpointsBelow(below, batch);
      for (const checkpoint of page) {
        const statement = verifyStatement(keys, checkpoint.statement);
        if (statement) await store.restate(checkpoint, signStatement(key, statement));
        below = checkpoint.position;
      }
      if (page.length < batch) return;
    }
  }

  async function cutTrail(before: Date, stopped: AbortSignal): Promise<void> {
    const first = await store.firstCheckpoint();
    const there = await store.lastCheckpointBefore(before);
    if (first && there && there.position !== signedCut(first)?.position) await cutAt(there, first, before, stopped);
    // Deletes also the rows that an interrupted run has left.
    const position = signedCut(await store.firstCheckpoint())?.position;
    if (position !== undefined) await inBatches(() => store.deleteBefore(position, batch), stopped);
  }

  async function cutAt(
    there: KeptCheckpoint,
    first: KeptCheckpoint,
    before: Date,
    stopped: AbortSignal,
  ): Promise<void> {
    // Another process may cut between any two of these reads. A mismatch is then no sign of a forgery.
    const cutMeanwhile = async (): Promise<boolean> => (await store.firstCheckpoint())?.statement !== first.statement;
    const checkpoint = verifyStatement(keys, there.statement);
    if (checkpoint?.position !== there.position || checkpoint.time >= before) {
      if (await cutMeanwhile()) return;
      const { position } = there;
      log.error({ position }, "A STORED CHECKPOINT WAS CHANGED, or its pepper is not configured; nothing is deleted");
      return;
    }
    const { position, hash } = checkpoint;
    const cut = signedCut(first);
    const verdict = await verifyChain(upTo(position, cut?.position ?? 1, stopped), [checkpoint], cut);
    if (stopped.aborted) return;
    if (!verdict.ok) {
      if (await cutMeanwhile()) return;
      log.error({ position: verdict.position, why: verdict.why }, "THE AUDIT CHAIN IS BROKEN; nothing is deleted");
      return;
    }
    const statement = signStatement(key, { kind: "cut", position, hash, time: clock.now() });
    await store.cut(position, statement);
    log.info({ position, cut: statement }, "cut the audit trail: it now begins after this position");
  }

  /** Returns the cut, if its signature is valid; undefined for a chain that was never cut. */
  function signedCut(first: KeptCheckpoint | undefined): Checkpoint | undefined {
    const statement = first && verifyStatement(keys, first.statement);
    return statement?.kind === "cut" && statement.position === first?.position ? statement : undefined;
  }

  async function* upTo(last: number, from: number, stopped: AbortSignal): AsyncIterable<SealedEvent> {
    for (let position = from; position <= last && !stopped.aborted; ) {
      const page = await store.readSealed(position, Math.min(batch, last - position + 1));
      // When positions are missing, a page may end after `last`.
      yield* page.filter((entry) => entry.position <= last);
      const end = page.at(-1);
      if (!end) return;
      position = end.position + 1;
    }
  }

  /** Repeats until everything is deleted. Returns the number of deleted rows. */
  async function inBatches(deleteSome: () => Promise<number>, stopped: AbortSignal): Promise<number> {
    let total = 0;
    for (let deleted = batch; deleted === batch && !stopped.aborted; total += deleted) deleted = await deleteSome();
    return total;
  }

  const loop = new Loop(look, intervalMs);
  return { look, start: () => loop.start(), stop: () => loop.stop() };
}
