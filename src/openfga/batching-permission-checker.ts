import { Deadlines } from "../async/deadlines.js";
import { Failure } from "../domain/errors.js";
import type { Consistency, Patience, Permission, PermissionChecker, Question } from "../domain/permission-checker.js";
import type { ContextOf, QuestionInContext } from "./condition-context.js";
import type { GrpcPermissionChecker } from "./grpc-permission-checker.js";
import { Asker, type Inquiry, InquiryQueue } from "./inquiry.js";
import { KeptAnswers } from "./kept-answers.js";

export interface BatchingOptions {
  readonly checker: GrpcPermissionChecker;
  /** Fills the parameters of conditions. */
  readonly contextOf: ContextOf;
  /** Longest time from being asked to being answered, milliseconds. */
  readonly timeoutMs: number;
  /** Most questions in one call; at most what OpenFGA takes in a BatchCheck. */
  readonly maxBatch: number;
  /** Most calls at a time. Default 4: what is asked meanwhile makes the next batch larger, and so cheaper. */
  readonly maxInFlight?: number;
  /** Most questions that wait to be sent; more are refused with OVERLOADED at once. Default 10,000. */
  readonly maxWaiting?: number;
  /** How long an answer may be given again, milliseconds from the sending of its question. Default 0: never. */
  readonly maxStalenessMs?: number;
  /** Most answers that are kept, each about 300 bytes. Default 100,000. */
  readonly maxKept?: number;
  /** Told of each question that a kept answer has answered. */
  readonly onKept?: () => void;
  /** Told of each question that has joined an identical one. */
  readonly onJoined?: () => void;
}

/**
 * Stands before OpenFGA and asks it as seldom as it can. The questions of one turn of the event loop go out in one call, together with what
 * came while `maxInFlight` calls were running; consistency is never mixed. A question joins an identical one that has not been sent yet. One
 * already sent, or a kept answer, tells of a state older than the question: they serve within `maxStalenessMs` only, and never `higher`.
 * Everybody is answered at their own deadline, whatever others in the batch wait for.
 */
export class BatchingPermissionChecker implements PermissionChecker {
  readonly #options: BatchingOptions;
  readonly #maxInFlight: number;
  readonly #maxWaiting: number;
  readonly #maxStalenessMs: number;
  readonly #kept: KeptAnswers | undefined;
  readonly #queues = { "minimize-latency": new InquiryQueue("minimize-latency"), higher: new InquiryQueue("higher") };
  /** Whose batch is next when both have one. */
  #turn: Consistency = "minimize-latency";
  readonly #deadlines = new Deadlines<Asker>((asker) => asker.giveUp());
  #inFlight = 0;
  #scheduled = false;

  constructor(options: BatchingOptions) {
    const { maxInFlight = 4, maxWaiting = 10_000, maxStalenessMs = 0, maxKept = 100_000 } = options;
    this.#options = options;
    this.#maxInFlight = maxInFlight;
    this.#maxWaiting = maxWaiting;
    this.#maxStalenessMs = maxStalenessMs;
    if (maxStalenessMs > 0) this.#kept = new KeptAnswers({ maxStalenessMs, maxEntries: maxKept });
  }

  check(
    questions: readonly Question[],
    consistency: Consistency,
    patience: Patience = {},
  ): Promise<readonly Permission[]> {
    const { contextOf, timeoutMs, onKept } = this.#options;
    const now = performance.now();
    const deadline = Math.min(now + timeoutMs, patience.deadline ?? Number.POSITIVE_INFINITY);
    const asker = new Asker(questions.length, deadline, patience);
    for (const [position, { subject, action, resource, clientAddress }] of questions.entries()) {
      const context = contextOf(clientAddress);
      // None of the first three holds a blank.
      const key = `${subject} ${action} ${resource} ${context?.key ?? ""}`;
      const kept = consistency === "higher" ? undefined : this.#kept?.get(key, now);
      if (kept !== undefined) {
        onKept?.();
        asker.answer(position, kept);
        continue;
      }
      const inquiry = this.#inquiry({ subject, action, resource, context }, key, consistency, now);
      if (inquiry) inquiry.claims.push({ asker, position });
      else asker.answer(position, new Failure("OVERLOADED"));
    }
    if (!asker.answered) {
      this.#deadlines.add(asker);
      this.#schedule();
    }
    return asker.answers();
  }

  /** One that may be joined, or a new one. Undefined: too many wait. */
  #inquiry(question: QuestionInContext, key: string, consistency: Consistency, now: number): Inquiry | undefined {
    const queue = this.#queues[consistency];
    const found = queue.find(key);
    if (found && (!found.sent || now - found.sent.at < this.#maxStalenessMs)) {
      this.#options.onJoined?.();
      return found;
    }
    if (this.#waiting >= this.#maxWaiting) return undefined;
    const inquiry: Inquiry = { question, key, claims: [], sent: undefined };
    queue.add(inquiry);
    return inquiry;
  }

  get #waiting(): number {
    return this.#queues["minimize-latency"].length + this.#queues.higher.length;
  }

  /** For the end of this turn of the event loop, in which more may be asked. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#maxInFlight) return;
    this.#scheduled = true;
    setImmediate(this.#sendBatches);
  }

  readonly #sendBatches = (): void => {
    this.#scheduled = false;
    while (this.#waiting > 0 && this.#inFlight < this.#maxInFlight) {
      const other = this.#turn === "higher" ? "minimize-latency" : "higher";
      const queue = this.#queues[this.#queues[this.#turn].length > 0 ? this.#turn : other];
      this.#turn = queue.consistency === "higher" ? "minimize-latency" : "higher";
      const { batch, deadline } = queue.take(this.#options.maxBatch, performance.now());
      if (batch.length > 0) void this.#send(queue, batch, deadline);
    }
  };

  async #send(queue: InquiryQueue, batch: readonly Inquiry[], deadline: number): Promise<void> {
    this.#inFlight++;
    const at = performance.now();
    for (const inquiry of batch) {
      inquiry.sent = { at, claims: inquiry.claims.length };
      if (queue.consistency === "higher" || !this.#kept) queue.close(inquiry);
    }
    const questions = batch.map(({ question }) => question);
    const permissions = await this.#ask(questions, queue.consistency, deadline);
    this.#inFlight--;
    for (const [index, inquiry] of batch.entries()) {
      queue.close(inquiry);
      this.#settle(queue, inquiry, permissions[index] ?? new Failure("INTERNAL"));
    }
    if (this.#waiting > 0) this.#schedule();
  }

  async #ask(
    questions: readonly QuestionInContext[],
    consistency: Consistency,
    deadline: number,
  ): Promise<readonly Permission[]> {
    try {
      return await this.#options.checker.check(questions, consistency, { deadline });
    } catch (error) {
      const defect = new Failure("INTERNAL", { cause: error });
      return questions.map(() => defect);
    }
  }

  #settle(queue: InquiryQueue, inquiry: Inquiry, permission: Permission): void {
    const { question, key, claims, sent } = inquiry;
    const failed = permission instanceof Failure;
    // What failed may have failed by a deadline of those who came first: for whoever joined after the sending it is asked again.
    const settled = failed ? claims.slice(0, sent?.claims) : claims;
    for (const { asker, position } of settled) {
      asker.answer(position, permission);
      if (asker.answered) this.#deadlines.delete(asker);
    }
    if (!failed && sent) this.#kept?.keep(key, permission, sent.at, performance.now());
    if (settled.length < claims.length) {
      queue.add({ question, key, claims: claims.slice(settled.length), sent: undefined });
    }
  }
}
