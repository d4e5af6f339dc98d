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
  /** Deletes up to so many tokens that had ended for good before a time, and tells how many. */
  readonly deleteDeadTokens: (before: Date, limit: number) => Promise<number>;
  /** Signs, as the sealer's does: of the active pepper. */
  readonly key: KeyObject;
  /** Verify: of all peppers. */
  readonly keys: readonly KeyObject[];
  readonly log: Logger;
  readonly clock: Clock;
  /** Compares this machine's clock with the database's; nothing is deleted where they differ. Default: they agree. */
  readonly clocksAgree?: () => Promise<boolean>;
  /**
   * How long events are kept, and tokens after their end, milliseconds. Undefined means forever: nothing is deleted.
   */
  readonly retentionMs: number | undefined;
  /** Between two looks, milliseconds. Default 3,600,000. */
  readonly intervalMs?: number;
  /** Rows of one transaction. Default 1,000. */
  readonly batch?: number;
}

export interface Retention {
  start(): void;
  /** Lets the transaction that has begun end. */
  stop(): Promise<void>;
  /** One look, as the loop does it: a failure is logged and not thrown. */
  look(stopped?: AbortSignal): Promise<void>;
}

/**
 * Deletes what is older than the retention, in the background; every replica may run one. The trail is cut only at a
 * checkpoint that was signed so long ago, so that nobody who can write to the database can have young events deleted by
 * making them look old, and only after the chain up to there has been verified, so that no proof of a forgery goes with
 * it. The cut is signed: by it `audit verify` tells a chain that was cut here from one whose beginning somebody
 * removed.
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
      if (tokens > 0) log.info({ tokens }, "deleted tokens that have been dead longer than the retention");
    } catch (error) {
      log.warn({ error }, "could not delete what is older than the retention; trying again later");
    }
  }

  /**
   * Once the active pepper is another one. Else what was signed by the old one could not be verified after that has
   * been retired.
   */
  async function signAnew(stopped: AbortSignal): Promise<void> {
    const first = await store.firstCheckpoint();
    if (!first || verifyStatement([key], first.statement) || !verifyStatement(keys, first.statement)) return;
    // The first one last: as long as it is not signed again, the work is not done.
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
    // Also what an earlier look left when it was interrupted.
    const position = signedCut(await store.firstCheckpoint())?.position;
    if (position !== undefined) await inBatches(() => store.deleteBefore(position, batch), stopped);
  }

  async function cutAt(
    there: KeptCheckpoint,
    first: KeptCheckpoint,
    before: Date,
    stopped: AbortSignal,
  ): Promise<void> {
    // Another process may cut between any two of these reads: what then looks odd is its doing.
    const cutMeanwhile = async (): Promise<boolean> => (await store.firstCheckpoint())?.statement !== first.statement;
    const checkpoint = verifyStatement(keys, there.statement);
    if (checkpoint?.position !== there.position || checkpoint.time >= before) {
      if (await cutMeanwhile()) return;
      const { position } = there;
      log.error({ position }, "A KEPT CHECKPOINT IS NOT WHAT WAS SIGNED, or its pepper is not loaded; nothing is cut");
      return;
    }
    const { position, hash } = checkpoint;
    const cut = signedCut(first);
    const verdict = await verifyChain(upTo(position, cut?.position ?? 1, stopped), [checkpoint], cut);
    if (stopped.aborted) return;
    if (!verdict.ok) {
      if (await cutMeanwhile()) return;
      log.error({ position: verdict.position, why: verdict.why }, "THE AUDIT CHAIN IS BROKEN; nothing of it is cut");
      return;
    }
    const statement = signStatement(key, { kind: "cut", position, hash, time: clock.now() });
    await store.cut(position, statement);
    log.info({ position, cut: statement }, "the audit trail begins behind this position from now on");
  }

  /** Undefined for a chain that was never cut. */
  function signedCut(first: KeptCheckpoint | undefined): Checkpoint | undefined {
    const statement = first && verifyStatement(keys, first.statement);
    return statement?.kind === "cut" && statement.position === first?.position ? statement : undefined;
  }

  async function* upTo(last: number, from: number, stopped: AbortSignal): AsyncIterable<SealedEvent> {
    for (let position = from; position <= last && !stopped.aborted; ) {
      const page = await store.readSealed(position, Math.min(batch, last - position + 1));
      // A gap moves the end of a page past it.
      yield* page.filter((entry) => entry.position <= last);
      const end = page.at(-1);
      if (!end) return;
      position = end.position + 1;
    }
  }

  /** All that there is: how many it was. */
  async function inBatches(deleteSome: () => Promise<number>, stopped: AbortSignal): Promise<number> {
    let total = 0;
    for (let deleted = batch; deleted === batch && !stopped.aborted; total += deleted) deleted = await deleteSome();
    return total;
  }

  const loop = new Loop(look, intervalMs);
  return { look, start: () => loop.start(), stop: () => loop.stop() };
}
