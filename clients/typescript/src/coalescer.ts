import { type Channel, closed, isUnavailable } from "./channel.js";
import { type Decision, decisionOf, noDecision } from "./decision.js";
import { fromCheckError, PatwardenError } from "./errors.js";
import { AuthorizationService, type BatchCheckResult } from "./gen/patwarden/v1/authorization_pb.js";
import { type Question, sizeOf } from "./question.js";
import { maxAttempts, retryDelayMs } from "./retry.js";
import { type Patience, Waiter } from "./waiter.js";

/** The most items that the server accepts in one BatchCheck. */
const maxItems = 500;
/** The most bytes of items in one BatchCheck: the server accepts messages of 256 KiB. */
const maxBytes = 200 * 1024;
/** The most calls at a time. Checks that come meanwhile make the next batch larger, and so cheaper. */
const maxInFlight = 4;
/**
 * A call that takes longer, milliseconds, no longer counts: its answer may be lost, and other checks must not wait for
 * it.
 */
export const stalledMs = 500;

/** A check that waits for its answer. */
interface Inquiry {
  readonly question: Question;
  readonly size: number;
  readonly waiter: Waiter<Decision>;
  attempts: number;
}

/** The result of a call for one check. */
type Outcome = Decision | PatwardenError;

/**
 * Sends the checks of one turn of the event loop as one BatchCheck. Checks that come while `maxInFlight` calls are
 * running go into the next one; a single one is sent as Check. Each check keeps its own deadline: the call has the
 * latest of the batch, and is cancelled when no check waits for it any more. An item that fails with UNAVAILABLE is
 * retried as a single Check would be, together with the checks that wait then.
 */
export class Coalescer {
  readonly #channel: Channel;
  #waiting: Inquiry[] = [];
  #inFlight = 0;
  #scheduled = false;
  #closed = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  check(question: Question, patience: Patience): Promise<Decision> {
    const waiter = new Waiter<Decision>(patience);
    this.#add([{ question, size: sizeOf(question), waiter, attempts: 0 }]);
    return waiter.promise;
  }

  /** Fails the checks that were not sent yet. The others may still be answered. */
  close(): void {
    this.#closed = true;
    this.#add(this.#waiting.splice(0));
  }

  #add(inquiries: readonly Inquiry[]): void {
    if (this.#closed) {
      for (const { waiter } of inquiries) waiter.reject(closed());
      return;
    }
    this.#waiting.push(...inquiries);
    this.#schedule();
  }

  /** Sends at the end of this turn of the event loop, because more checks may come in it. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= maxInFlight || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(this.#sendAll);
  }

  readonly #sendAll = (): void => {
    this.#scheduled = false;
    while (this.#inFlight < maxInFlight) {
      const batch = this.#take();
      if (batch.length === 0) return;
      void this.#send(batch);
    }
  };

  /** Takes the first checks that still wait, as many as fit into one call. */
  #take(): readonly Inquiry[] {
    const waiting = this.#waiting.filter(({ waiter }) => !waiter.settled);
    let bytes = 0;
    let count = 0;
    for (const { size } of waiting) {
      bytes += size;
      if (count === maxItems || (count > 0 && bytes > maxBytes)) break;
      count++;
    }
    this.#waiting = waiting.slice(count);
    return waiting.slice(0, count);
  }

  async #send(batch: readonly Inquiry[]): Promise<void> {
    const leave = this.#enter();
    const outcomes = await this.#ask(batch);
    leave();
    const { budget } = this.#channel;
    const mayRepeat = outcomes.some(isUnavailable) && budget.failed();
    if (outcomes.some(isDecision)) budget.succeeded();
    for (const inquiry of batch) inquiry.attempts++;
    // One delay for all, so that they are sent together again.
    const delay = retryDelayMs(Math.max(...batch.map(({ attempts }) => attempts)));
    const isRepeated = ({ attempts, waiter }: Inquiry): boolean =>
      mayRepeat && attempts < maxAttempts && Date.now() + delay < waiter.patience.deadline;
    const repeated = batch.filter((inquiry, index) => {
      const outcome = outcomes[index] ?? noDecision();
      if (isUnavailable(outcome) && isRepeated(inquiry)) return true;
      if (isDecision(outcome)) inquiry.waiter.resolve(outcome);
      else inquiry.waiter.reject(outcome);
      return false;
    });
    if (repeated.length > 0) setTimeout(() => this.#add(repeated), delay);
  }

  /** Counts a call until the returned function is called or the call is stalled. */
  #enter(): () => void {
    this.#inFlight++;
    let counts = true;
    const leave = (): void => {
      clearTimeout(timer);
      if (!counts) return;
      counts = false;
      this.#inFlight--;
      this.#schedule();
    };
    const timer = setTimeout(leave, stalledMs);
    return leave;
  }

  /** Returns an outcome for each check, in order. Never rejects: a failed call is an error for each of its checks. */
  async #ask(batch: readonly Inquiry[]): Promise<readonly Outcome[]> {
    const abandoned = new AbortController();
    let waiters = batch.length;
    const onGivenUp = (): void => {
      waiters--;
      if (waiters === 0) abandoned.abort();
    };
    for (const { waiter } of batch) waiter.onGivenUp = onGivenUp;
    const call = {
      deadline: Math.max(...batch.map(({ waiter }) => waiter.patience.deadline)),
      signal: abandoned.signal,
    };
    const items = batch.map(({ question }) => question);
    const [first] = items;
    try {
      if (items.length === 1 && first) return [decisionOf(await this.#channel.unaryOnce(check, first, call))];
      const { results } = await this.#channel.unaryOnce(batchCheck, { items }, call);
      return results.map(outcomeOf);
    } catch (error) {
      const failure = error instanceof PatwardenError ? error : defect(error);
      return batch.map(() => failure);
    }
  }
}

const { check, batchCheck } = AuthorizationService.method;

function outcomeOf({ result }: BatchCheckResult): Outcome {
  if (result.case === "error") return fromCheckError(result.value);
  try {
    return result.case === "decision" ? decisionOf(result.value) : noDecision();
  } catch (error) {
    return error instanceof PatwardenError ? error : defect(error);
  }
}

function isDecision(outcome: Outcome): outcome is Decision {
  return !(outcome instanceof PatwardenError);
}

function defect(cause: unknown): PatwardenError {
  return new PatwardenError({ code: "INTERNAL", text: "a bug in the client", cause });
}
