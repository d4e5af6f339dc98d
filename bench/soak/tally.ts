import { Reason } from "#gen/patwarden/v1/reason_pb.js";

/** Codes of failures after which a caller may retry. CANCELLED: the caller gave up itself. */
const retryable = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED"]);

export const isRetryable = (code: string): boolean => retryable.has(code);

/** Different violations that are told. */
const violationsKept = 40;

/** The events of a soak so far. */
export class Tally {
  readonly #calls = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #violations = new Map<string, number>();
  #violationCount = 0;
  #decisions = 0;
  #allowed = 0;
  #undecided = 0;

  /** A call ended; `code` begins as `OK`. */
  called(method: string, code: string): void {
    add(this.#calls, method, 1);
    if (code === "OK") return;
    add(this.#failures, `${method} ${code}`, 1);
  }

  /** A decision was received. */
  decided(reason: Reason): void {
    if (reason === Reason.TOKEN_MALFORMED || reason === Reason.TOKEN_UNKNOWN) return;
    this.#decisions++;
    if (reason === Reason.ALLOWED) this.#allowed++;
  }

  /** Decisions that may have been made, but did not arrive. */
  undecided(count: number): void {
    this.#undecided += count;
  }

  /** Called for something that must never happen. */
  violated(what: string): void {
    this.#violationCount++;
    if (this.#violations.has(what) || this.#violations.size < violationsKept) add(this.#violations, what, 1);
  }

  /** Decisions that must have been counted, for tokens that were recognized, and how many more there may be. */
  get decisions(): { readonly received: number; readonly allowed: number; readonly lost: number } {
    return { received: this.#decisions, allowed: this.#allowed, lost: this.#undecided };
  }

  get violationCount(): number {
    return this.#violationCount;
  }

  lines(): readonly string[] {
    const list = (counts: ReadonlyMap<string, number>): readonly string[] =>
      [...counts].sort().map(([name, count]) => `  ${String(count).padStart(9)}  ${name}`);
    const told = [...this.#violations.values()].reduce((sum, count) => sum + count, 0);
    const more = this.#violationCount - told;
    return [
      "calls",
      ...list(this.#calls),
      "of them failed, and may be retried",
      ...list(this.#failures),
      `violations: ${this.#violationCount}`,
      ...list(this.#violations),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ];
  }
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
