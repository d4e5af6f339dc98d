import { Failure } from "../domain/errors.js";
import type { Consistency, Patience, Permission } from "../domain/permission-checker.js";
import type { QuestionInContext } from "./condition-context.js";

/** Somebody who waits for the answers to some questions. waiting → answered, when all are there or it is given up. */
export class Asker {
  readonly patience: Patience;
  /** Instant of `performance.now()`. */
  readonly deadline: number;
  readonly #answers: (Permission | undefined)[];
  #missing: number;
  #resolve: ((answers: readonly Permission[]) => void) | undefined;

  constructor(questions: number, deadline: number, patience: Patience) {
    this.#answers = new Array<Permission | undefined>(questions).fill(undefined);
    this.#missing = questions;
    this.deadline = deadline;
    this.patience = patience;
  }

  get answered(): boolean {
    return this.#missing === 0;
  }

  /** To be asked for once. */
  answers(): Promise<readonly Permission[]> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#settle();
    });
  }

  /** Nothing happens when it was given up. Each position gets one answer. */
  answer(position: number, permission: Permission): void {
    if (this.answered) return;
    this.#answers[position] = permission;
    this.#missing--;
    this.#settle();
  }

  giveUp(): void {
    if (this.answered) return;
    const late = new Failure("DEADLINE_EXCEEDED");
    for (const [position, permission] of this.#answers.entries()) this.#answers[position] = permission ?? late;
    this.#missing = 0;
    this.#settle();
  }

  #settle(): void {
    // No hole is left then.
    if (this.answered) this.#resolve?.(this.#answers as Permission[]);
  }
}

/** waiting → sent → answered. A question with all who want its answer. */
export interface Inquiry {
  readonly question: QuestionInContext;
  readonly key: string;
  readonly claims: { readonly asker: Asker; readonly position: number }[];
  /** When it was sent, and for how many of the claims: others may join later. Undefined while it waits. */
  sent: { readonly at: number; readonly claims: number } | undefined;
}

/** Questions that wait to be sent. They are of one consistency, which is a property of a whole call to OpenFGA. */
export class InquiryQueue {
  readonly consistency: Consistency;
  readonly #waiting: Inquiry[] = [];
  readonly #joinable = new Map<string, Inquiry>();

  constructor(consistency: Consistency) {
    this.consistency = consistency;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(inquiry: Inquiry): void {
    this.#waiting.push(inquiry);
    this.#joinable.set(inquiry.key, inquiry);
  }

  /** One that waits or was sent, until it is closed. */
  find(key: string): Inquiry | undefined {
    return this.#joinable.get(key);
  }

  /** Nobody is to find it any more. */
  close(inquiry: Inquiry): void {
    if (this.#joinable.get(inquiry.key) === inquiry) this.#joinable.delete(inquiry.key);
  }

  /** The `max` oldest questions that somebody still waits for, and the latest deadline of all these. Whoever waits no longer is given up. */
  take(max: number, now: number): { readonly batch: readonly Inquiry[]; readonly deadline: number } {
    const batch: Inquiry[] = [];
    let deadline = Number.NEGATIVE_INFINITY;
    let taken = 0;
    for (const inquiry of this.#waiting) {
      if (batch.length === max) break;
      taken++;
      const latest = latestDeadline(inquiry, now);
      if (latest === undefined) {
        this.close(inquiry);
        continue;
      }
      deadline = Math.max(deadline, latest);
      batch.push(inquiry);
    }
    this.#waiting.splice(0, taken);
    return { batch, deadline };
  }
}

/** Undefined: nobody waits for it. */
function latestDeadline({ claims }: Inquiry, now: number): number | undefined {
  let latest: number | undefined;
  for (const { asker } of claims) {
    if (asker.deadline <= now || asker.patience.cancelled) asker.giveUp();
    if (!asker.answered) latest = Math.max(latest ?? asker.deadline, asker.deadline);
  }
  return latest;
}
