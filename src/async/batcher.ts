import type { CallOptions } from "../domain/call-options.js";
import { Failure } from "../domain/errors.js";
import { Deadlines } from "./deadlines.js";

/** A question; questions with the same key are the same. */
export interface Keyed {
  readonly key: string;
}

export interface BatcherOptions<Question, Answer> {
  /**
   * Gets the answers to a batch: one for each question, in order. `deadline`, an instant of `performance.now()`, is the
   * latest deadline of its callers. A rejection fails the whole batch.
   */
  readonly send: (batch: readonly Question[], deadline: number) => Promise<readonly (Answer | Failure)[]>;
  /** Most questions in one batch. */
  readonly maxBatch: number;
  /** Most batches at a time. Default 4: questions that wait meanwhile make the next batch larger, which is cheaper. */
  readonly maxInFlight?: number;
  /** Most questions that wait to be sent; more are refused with OVERLOADED at once. Default 10,000. */
  readonly maxWaiting?: number;
  /** Longest time from a question to its answer, milliseconds. Default: only the caller's deadline applies. */
  readonly timeoutMs?: number;
  /** How long after its sending an equal question may join, milliseconds; its answer is that much older. Default 0. */
  readonly joinSentMs?: number;
  /** Called when a question has joined an equal one. */
  readonly onJoined?: (() => void) | undefined;
}

/**
 * Sends the questions of one turn of the event loop as one batch, together with those that came while `maxInFlight`
 * batches were running. A question joins an equal one that has not been sent yet. Each caller is answered at its own
 * deadline at the latest, also when the batch still runs. Questions that no caller waits for any more are not sent.
 */
export class Batcher<Question extends Keyed, Answer extends NonNullable<unknown>> {
  readonly #options: BatcherOptions<Question, Answer>;
  readonly #maxInFlight: number;
  readonly #maxWaiting: number;
  readonly #timeoutMs: number;
  readonly #joinSentMs: number;
  /** Questions that are not sent yet, the oldest first. */
  readonly #waiting: Entry<Question, Answer>[] = [];
  readonly #joinable = new Map<string, Entry<Question, Answer>>();
  readonly #deadlines = new Deadlines<Waiter<Answer>>((waiter) => waiter.giveUp());
  #inFlight = 0;
  #scheduled = false;

  constructor(options: BatcherOptions<Question, Answer>) {
    const { maxInFlight = 4, maxWaiting = 10_000, timeoutMs = Number.POSITIVE_INFINITY, joinSentMs = 0 } = options;
    this.#options = options;
    this.#maxInFlight = maxInFlight;
    this.#maxWaiting = maxWaiting;
    this.#timeoutMs = timeoutMs;
    this.#joinSentMs = joinSentMs;
  }

  /** Resolves to one answer for each question, in order. Failures are values: the promise never rejects. */
  ask(questions: readonly Question[], options: CallOptions = {}): Promise<readonly (Answer | Failure)[]> {
    const now = performance.now();
    const deadline = Math.min(now + this.#timeoutMs, options.deadline ?? Number.POSITIVE_INFINITY);
    const waiter = new Waiter<Answer>(questions.length, deadline, options);
    for (const [position, question] of questions.entries()) {
      const entry = this.#entryFor(question, now);
      if (entry) entry.places.push({ waiter, position });
      else waiter.answer(position, new Failure("OVERLOADED"));
    }
    if (!waiter.answered) {
      this.#deadlines.add(waiter);
      this.#schedule();
    }
    return waiter.answers();
  }

  /** Returns undefined when too many questions wait. */
  #entryFor(question: Question, now: number): Entry<Question, Answer> | undefined {
    const found = this.#joinable.get(question.key);
    if (found && (!found.sent || now - found.sent.at < this.#joinSentMs)) {
      this.#options.onJoined?.();
      return found;
    }
    if (this.#waiting.length >= this.#maxWaiting) return undefined;
    return this.#add({ question, places: [], sent: undefined });
  }

  #add(entry: Entry<Question, Answer>): Entry<Question, Answer> {
    this.#waiting.push(entry);
    this.#joinable.set(entry.question.key, entry);
    return entry;
  }

  #close(entry: Entry<Question, Answer>): void {
    const { key } = entry.question;
    if (this.#joinable.get(key) === entry) this.#joinable.delete(key);
  }

  /** Schedules the sending at the end of this turn of the event loop: more questions may come in the same turn. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#maxInFlight) return;
    this.#scheduled = true;
    setImmediate(this.#sendBatches);
  }

  readonly #sendBatches = (): void => {
    this.#scheduled = false;
    while (this.#waiting.length > 0 && this.#inFlight < this.#maxInFlight) {
      const { batch, deadline } = this.#take(performance.now());
      if (batch.length > 0) void this.#send(batch, deadline);
    }
  };

  /** Takes the oldest questions that a caller still waits for. Returns them with their latest deadline. */
  #take(now: number): { readonly batch: readonly Entry<Question, Answer>[]; readonly deadline: number } {
    const batch: Entry<Question, Answer>[] = [];
    let deadline = Number.NEGATIVE_INFINITY;
    let taken = 0;
    for (const entry of this.#waiting) {
      if (batch.length === this.#options.maxBatch) break;
      taken++;
      const latest = latestDeadline(entry, now);
      if (latest === undefined) {
        this.#close(entry);
        continue;
      }
      deadline = Math.max(deadline, latest);
      batch.push(entry);
    }
    this.#waiting.splice(0, taken);
    return { batch, deadline };
  }

  async #send(batch: readonly Entry<Question, Answer>[], deadline: number): Promise<void> {
    this.#inFlight++;
    const at = performance.now();
    for (const entry of batch) {
      entry.sent = { at, places: entry.places.length };
      if (this.#joinSentMs === 0) this.#close(entry);
    }
    const questions = batch.map(({ question }) => question);
    const answers = await this.#answersTo(questions, deadline);
    this.#inFlight--;
    // A Failure is created only when it is needed: the stack trace of an error costs 5 % of a Check.
    for (const [index, entry] of batch.entries()) {
      this.#settle(entry, answers instanceof Failure ? answers : (answers[index] ?? new Failure("INTERNAL")));
    }
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Returns a Failure when there are no answers at all. */
  async #answersTo(questions: readonly Question[], deadline: number): Promise<readonly (Answer | Failure)[] | Failure> {
    try {
      return await this.#options.send(questions, deadline);
    } catch (error) {
      return error instanceof Failure ? error : new Failure("INTERNAL", { cause: error });
    }
  }

  #settle(entry: Entry<Question, Answer>, answer: Answer | Failure): void {
    const { question, places, sent } = entry;
    this.#close(entry);
    // The question may have failed at a deadline of its first callers. For those who joined after the sending, it is
    // sent again.
    const settled = answer instanceof Failure ? places.slice(0, sent?.places) : places;
    for (const { waiter, position } of settled) {
      waiter.answer(position, answer);
      if (waiter.answered) this.#deadlines.delete(waiter);
    }
    if (settled.length < places.length) this.#add({ question, places: places.slice(settled.length), sent: undefined });
  }
}

/** A question with all callers that wait for its answer: waiting → sent → answered. */
interface Entry<Question, Answer> {
  readonly question: Question;
  readonly places: { readonly waiter: Waiter<Answer>; readonly position: number }[];
  /** When the question was sent, and for how many places; others may join later. Undefined until it is sent. */
  sent: { readonly at: number; readonly places: number } | undefined;
}

/** One call of `ask`: waiting → answered, when all answers are there or the call is given up. */
class Waiter<Answer> {
  readonly options: CallOptions;
  /** Instant of `performance.now()`. */
  readonly deadline: number;
  readonly #answers: (Answer | Failure | undefined)[];
  #missing: number;
  #resolve: ((answers: readonly (Answer | Failure)[]) => void) | undefined;

  constructor(questions: number, deadline: number, options: CallOptions) {
    this.#answers = new Array<Answer | Failure | undefined>(questions).fill(undefined);
    this.#missing = questions;
    this.deadline = deadline;
    this.options = options;
  }

  get answered(): boolean {
    return this.#missing === 0;
  }

  /** Returns the promise of the answers. May be called only once. */
  answers(): Promise<readonly (Answer | Failure)[]> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#settle();
    });
  }

  /** Sets the answer at a position, once for each position. Does nothing after `giveUp`. */
  answer(position: number, answer: Answer | Failure): void {
    if (this.answered) return;
    this.#answers[position] = answer;
    this.#missing--;
    this.#settle();
  }

  giveUp(): void {
    if (this.answered) return;
    const late = new Failure("DEADLINE_EXCEEDED");
    for (const [position, answer] of this.#answers.entries()) this.#answers[position] = answer ?? late;
    this.#missing = 0;
    this.#settle();
  }

  #settle(): void {
    // When it is answered, no position is undefined.
    if (this.answered) this.#resolve?.(this.#answers as (Answer | Failure)[]);
  }
}

/** Returns the latest deadline of the callers that wait for a question, or undefined when none does. */
function latestDeadline<Answer>({ places }: Entry<unknown, Answer>, now: number): number | undefined {
  let latest: number | undefined;
  for (const { waiter } of places) {
    if (waiter.deadline <= now || waiter.options.cancelled) waiter.giveUp();
    if (!waiter.answered) latest = Math.max(latest ?? waiter.deadline, waiter.deadline);
  }
  return latest;
}
