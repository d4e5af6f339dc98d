import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Loop } from "../async/loop.js";
import type { LastUseStore, TokenUse } from "../domain/last-use-store.js";
import type { Address } from "../domain/network.js";
import type { Reason } from "../domain/reason.js";
import type { Logger } from "../telemetry/log.js";
import { RecentUses, type UsedToken } from "./recent-uses.js";
import { type MeteredQuestion, type MeteredToken, UsageMeter, type UsageMeterOptions } from "./usage-meter.js";
import type { UsageStore } from "./usage-store.js";

export interface UsageRecorderOptions {
  readonly store: Pick<UsageStore, "add" | "sweep">;
  /** Undefined when last uses are not recorded. */
  readonly lastUses: LastUseStore | undefined;
  readonly log: Logger;
  /** Milliseconds between two writes of counts: a killed process loses at most the counts of this time. */
  readonly flushIntervalMs: number;
  /** Compares the clocks, because closing hours and forgetting usage ids cannot be undone. Default: they agree. */
  readonly clocksAgree?: () => Promise<boolean>;
  /** Called for each decision that is lost because too many counts wait for the database. Must not wait or throw. */
  readonly onLost?: () => void;
  /** Limits of the counts in memory. */
  readonly limits?: Pick<UsageMeterOptions, "many" | "max">;
  /** Milliseconds since 1970. Default: the wall clock. */
  readonly wallMs?: () => number;
}

const sweepIntervalMs = 60_000;
/**
 * Milliseconds between two writes of first uses: at most one statement a second, however many tokens are used again.
 */
const freshIntervalMs = 1_000;
const attemptsAtEnd = 3;
const pauseAtEndMs = 500;

/**
 * Counts decisions and remembers last uses in memory, and writes both in the background: no call waits for a write.
 * Counts are exact, except that a killed process loses those of one interval, which are then not billed. Each process
 * has its own id, under which its batches are numbered.
 */
export class UsageRecorder {
  readonly #options: UsageRecorderOptions;
  readonly #wallMs: () => number;
  readonly #replicaId = randomUUID();
  readonly #meter: UsageMeter;
  readonly #uses = new RecentUses();
  /** Each job has at most one run at a time. */
  readonly #counts = new Job((error) => this.#failed("failed to write counts of decisions; retrying", error));
  readonly #lastUses = new Job((error) => this.#failed("failed to write last uses; retrying", error));
  readonly #sweeping = new Job((error) => this.#failed("failed to close hours of usage; retrying", error));
  /** Writes first uses when there are any. */
  readonly #fresh = new Loop(() => this.#writeFreshUses(), Number.POSITIVE_INFINITY, {
    firstAfterMs: Number.POSITIVE_INFINITY,
    spacingMs: freshIntervalMs,
  });
  readonly #loops: readonly Loop[];

  constructor(options: UsageRecorderOptions) {
    this.#options = options;
    this.#wallMs = options.wallMs ?? Date.now;
    this.#meter = new UsageMeter({
      ...options.limits,
      onCrowded: () => {
        // While the database refuses writes, the timer is enough.
        if (!this.#counts.failing) void this.flush();
      },
      ...(options.onLost && { onLost: options.onLost }),
    });
    const every = (ms: number, turn: () => Promise<void>) => new Loop(turn, ms, { firstAfterMs: ms });
    this.#loops = [
      this.#fresh,
      every(options.flushIntervalMs, () => this.flush()),
      every(options.flushIntervalMs, () => this.#writeDueUses()),
      every(sweepIntervalMs, () => this.#sweeping.run(() => this.#sweep())),
    ];
  }

  /** Counts a decision about a recognized token. Never waits or throws; takes much less than a microsecond. */
  record(
    token: MeteredToken & UsedToken,
    question: MeteredQuestion & { readonly clientAddress: Address | undefined },
    reason: Reason,
  ): void {
    const nowMs = this.#wallMs();
    this.#meter.record(token, question, reason, nowMs);
    // A refused call says nothing about whether anybody needs the token (RV-8).
    if (reason === "ALLOWED") this.#used(token, question.clientAddress, nowMs);
  }

  /** Records a use without a decision, such as a list: it is not counted. */
  used(token: UsedToken, clientAddress: Address | undefined): void {
    this.#used(token, clientAddress, this.#wallMs());
  }

  #used(token: UsedToken, clientAddress: Address | undefined, nowMs: number): void {
    if (this.#options.lastUses && this.#uses.note(token, clientAddress, nowMs)) this.#fresh.wake();
  }

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  async #sweep(): Promise<void> {
    const { store, clocksAgree } = this.#options;
    if ((await clocksAgree?.()) !== false) await store.sweep();
  }

  /**
   * Writes the counts, as the timer does. Failures are logged, not thrown: the next call sends the same counts again.
   */
  flush(): Promise<void> {
    return this.#counts.run(async () => {
      // First the batches that could not be written before; then, once, the counts that have been added since. Under
      // load this must not become a loop without a pause.
      do {
        await this.#writeTaken();
        this.#meter.take();
        await this.#writeTaken();
      } while (this.#meter.crowded);
    });
  }

  /**
   * Writes everything. Call it when no more decisions are made. Counts that cannot be written after some attempts are
   * lost, and logged.
   */
  async stop(): Promise<void> {
    await Promise.all([...this.#loops.map((loop) => loop.stop()), this.#counts.idle()]);
    for (let attempt = 1; ; attempt++) {
      this.#uses.retry();
      await Promise.all([this.flush(), this.#writeUses((nowMs) => this.#uses.takeAny(nowMs))]);
      const { unwritten } = this.#meter;
      if (unwritten === 0) return;
      if (attempt === attemptsAtEnd) {
        this.#options.log.error(
          { decisions: unwritten },
          "failed to write counts of decisions before the end; they are lost",
        );
        return;
      }
      await sleep(pauseAtEndMs);
    }
  }

  async #writeTaken(): Promise<void> {
    for (let batch = this.#meter.oldest; batch; batch = this.#meter.oldest) {
      await this.#options.store.add(this.#replicaId, batch.sequence, batch.batch);
      this.#meter.written();
    }
  }

  async #writeFreshUses(): Promise<void> {
    await this.#lastUses.idle();
    await this.#writeUses((nowMs) => this.#uses.takeFresh(nowMs));
  }

  #writeDueUses(): Promise<void> {
    this.#uses.retry();
    return this.#writeUses((nowMs) => this.#uses.takeDue(nowMs));
  }

  /** Writes one batch after the other, until none is left. */
  #writeUses(take: (nowMs: number) => readonly TokenUse[]): Promise<void> {
    const { lastUses } = this.#options;
    if (!lastUses) return Promise.resolve();
    return this.#lastUses.run(async () => {
      // One time for all batches: a use that is taken is not taken again, whether it is stored or not.
      const nowMs = this.#wallMs();
      for (let uses = take(nowMs); uses.length > 0; uses = take(nowMs)) {
        let stored: Awaited<ReturnType<LastUseStore["move"]>> = new Set();
        try {
          stored = await lastUses.move(uses);
        } finally {
          this.#uses.stored(uses, stored);
        }
      }
    });
  }

  #failed(message: string, error: unknown): void {
    this.#options.log.warn({ error }, message);
  }
}

/** Work that is repeated: one run at a time. A failure is reported once, until a run succeeds. */
class Job {
  readonly #onFailure: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #failing = false;

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Whether the last run failed. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Runs the work. Never rejects. During a run, another call only waits for that run. */
  run(work: () => Promise<void>): Promise<void> {
    this.#running ??= this.#attempt(work).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#onFailure(error);
      this.#failing = true;
    }
  }
}
