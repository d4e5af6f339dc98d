import type { ActionName, SubjectName } from "../domain/identifier.js";
import type { Reason } from "../domain/reason.js";
import { organizationOf, type TokenId, type TokenKind } from "../domain/token.js";
import type { IdentifiedUnits, UsageBatch, UsageCount } from "./usage-store.js";

/** The token that a decision was about. */
export interface MeteredToken {
  readonly id: TokenId;
  readonly kind: TokenKind;
  readonly subject: SubjectName;
  readonly organization: SubjectName | undefined;
}

/** The question of a decision. */
export interface MeteredQuestion {
  readonly action: ActionName;
  /** The units that are billed when it is allowed. Undefined means 1. */
  readonly usageUnits: number | undefined;
  /** The id under which the units are billed once a day. Empty: they are billed each time. */
  readonly usageId: string;
}

export interface UsageMeterOptions {
  /** Called at each new kind while the meter is crowded. Must not wait or throw. */
  readonly onCrowded?: () => void;
  /** Called for each decision that could not be counted. Must not wait or throw. */
  readonly onLost?: () => void;
  /** The number of kinds of decisions and usage ids from which the meter is crowded. Default 5,000. */
  readonly many?: number;
  /**
   * The most kinds that are held, including those that are being written; a new kind beyond that is lost. Default
   * 50,000, about 20 MB.
   */
  readonly max?: number;
}

/** Counts that are written under a number. */
export interface NumberedBatch {
  readonly sequence: number;
  readonly batch: UsageBatch;
}

const hourLengthMs = 3_600_000;

/** A count that can grow during its hour. */
interface Tally extends UsageCount {
  count: number;
  units: number;
  /** The counter of the same token and action for another reason. */
  readonly next: Tally | undefined;
}

/**
 * Counts decisions in memory, by token, action and reason, in batches of one hour. A batch that has been taken keeps
 * its content and its number until `written` is called, so it can be sent again after any failure. Refused decisions
 * are counted too; units only come from allowed ones.
 */
export class UsageMeter {
  readonly #onCrowded: (() => void) | undefined;
  readonly #onLost: (() => void) | undefined;
  readonly #many: number;
  readonly #max: number;

  #hourMs = 0;
  #tallies = new Map<TokenId, Map<ActionName, Tally>>();
  #counts: Tally[] = [];
  #identified = new Map<string, IdentifiedUnits>();
  /** Oldest first. */
  readonly #taken: NumberedBatch[] = [];
  #lastSequence = 0;
  #held = 0;

  constructor({ onCrowded, onLost, many = 5_000, max = 50_000 }: UsageMeterOptions = {}) {
    this.#onCrowded = onCrowded;
    this.#onLost = onLost;
    this.#many = many;
    this.#max = max;
  }

  /**
   * Counts a decision made at `nowMs`, milliseconds since 1970. It looks up maps and allocates only for a new kind; it
   * never waits or throws.
   */
  record(token: MeteredToken, question: MeteredQuestion, reason: Reason, nowMs: number): void {
    const { action, usageUnits, usageId } = question;
    const sinceHour = nowMs - this.#hourMs;
    if (sinceHour < 0 || sinceHour >= hourLengthMs) this.#beginHour(sinceHour);
    const tally = this.#tallyOf(token, action, reason);
    if (!tally) {
      this.#onLost?.();
      return;
    }
    tally.count++;
    if (reason !== "ALLOWED") return;
    const units = usageUnits ?? 1;
    if (usageId === "") tally.units += units;
    else if (units > 0) this.#identify(tally, usageId, units);
  }

  /** Makes a batch of the counts since the last one. */
  take(): void {
    if (this.#counts.length === 0) return;
    const batch = { hourMs: this.#hourMs, counts: this.#counts, identified: [...this.#identified.values()] };
    this.#taken.push({ sequence: ++this.#lastSequence, batch });
    this.#tallies = new Map();
    this.#counts = [];
    this.#identified = new Map();
  }

  /** The oldest batch that is not written; always the same until `written` is called. */
  get oldest(): NumberedBatch | undefined {
    return this.#taken[0];
  }

  /** Removes the oldest batch, which is in the database now. */
  written(): void {
    const done = this.#taken.shift();
    if (done) this.#held -= done.batch.counts.length + done.batch.identified.length;
  }

  /** Whether so many kinds were counted since the last batch that they should be written at once. */
  get crowded(): boolean {
    return this.#counts.length + this.#identified.size >= this.#many;
  }

  /** The number of decisions that are not written. */
  get unwritten(): number {
    const all = [...this.#taken.flatMap(({ batch }) => batch.counts), ...this.#counts];
    return all.reduce((sum, { count }) => sum + count, 0);
  }

  #tallyOf(token: MeteredToken, action: ActionName, reason: Reason): Tally | undefined {
    let byAction = this.#tallies.get(token.id);
    const newest = byAction?.get(action);
    for (let tally = newest; tally; tally = tally.next) if (tally.reason === reason) return tally;
    if (!this.#hold()) return undefined;
    if (!byAction) {
      byAction = new Map();
      this.#tallies.set(token.id, byAction);
    }
    const { id: tokenId, subject } = token;
    const organization = organizationOf(token) ?? "";
    const tally: Tally = { tokenId, subject, organization, action, reason, count: 0, units: 0, next: newest };
    byAction.set(action, tally);
    this.#counts.push(tally);
    return tally;
  }

  /** Counts the first decision of a subject under an id, as the database does. */
  #identify(tally: Tally, usageId: string, units: number): void {
    const key = `${tally.subject}\n${usageId}`;
    if (this.#identified.has(key)) return;
    // Without room for the id, the units are not billed: nobody could know later that they were billed once.
    if (this.#hold()) this.#identified.set(key, { usageId, units, of: tally });
  }

  /** Makes room for one more kind or id. Returns whether there is room. */
  #hold(): boolean {
    if (this.#held >= this.#max) return false;
    this.#held++;
    if (this.crowded) this.#onCrowded?.();
    return true;
  }

  #beginHour(sinceHour: number): void {
    this.take();
    this.#hourMs += Math.floor(sinceHour / hourLengthMs) * hourLengthMs;
  }
}
