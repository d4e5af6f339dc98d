import { Batcher, type BatcherOptions } from "../async/batcher.js";
import type { Awaitable } from "../domain/awaitable.js";
import type { CallOptions } from "../domain/call-options.js";
import { Failure } from "../domain/errors.js";
import type { Consistency, OpenFgaAnswer, PermissionChecker, Question } from "../domain/permission-checker.js";
import type { ContextOf, QuestionInContext } from "./condition-context.js";
import type { GrpcPermissionChecker } from "./grpc-permission-checker.js";
import { KeptAnswers } from "./kept-answers.js";

/**
 * The limits of batches apply to each consistency: the few questions of management calls, always `higher`, do not wait
 * behind those of Checks.
 */
export interface BatchingOptions
  extends Pick<BatcherOptions<never, never>, "maxBatch" | "maxInFlight" | "maxWaiting" | "onJoined"> {
  readonly checker: GrpcPermissionChecker;
  /** Fills the parameters of conditions. */
  readonly contextOf: ContextOf;
  /** The longest time from a question to its answer, milliseconds. */
  readonly timeoutMs: number;
  /** How long an answer may be used again, in milliseconds from the sending of its question. Default 0: never. */
  readonly maxStalenessMs?: number;
  /** The most answers that are kept, each about 300 bytes. Default 100,000. */
  readonly maxKept?: number;
  /** Called for each question that was answered by a kept answer. */
  readonly onKept?: () => void;
}

interface KeyedQuestion extends QuestionInContext {
  readonly key: string;
}

/**
 * Asks OpenFGA as rarely as it can: it batches questions (each consistency separately) and keeps answers for
 * `maxStalenessMs`. A kept answer, or a question that was already sent, is older than the new question. So they are
 * used within that time only, and never for `higher`.
 */
export class BatchingPermissionChecker implements PermissionChecker {
  readonly #options: BatchingOptions;
  readonly #kept: KeptAnswers | undefined;
  readonly #batchers: Readonly<Record<Consistency, Batcher<KeyedQuestion, boolean>>>;

  constructor(options: BatchingOptions) {
    const { maxStalenessMs = 0, maxKept = 100_000 } = options;
    this.#options = options;
    if (maxStalenessMs > 0) this.#kept = new KeptAnswers({ maxStalenessMs, maxEntries: maxKept });
    const batcher = (consistency: Consistency, joinSentMs: number) =>
      new Batcher<KeyedQuestion, boolean>({
        ...options,
        joinSentMs,
        send: (batch, deadline) => this.#send(batch, consistency, deadline),
      });
    this.#batchers = {
      "minimize-latency": batcher("minimize-latency", maxStalenessMs),
      higher: batcher("higher", 0),
    };
  }

  check(
    questions: readonly Question[],
    consistency: Consistency,
    options: CallOptions = {},
  ): Awaitable<readonly OpenFgaAnswer[]> {
    const kept = consistency === "higher" ? undefined : this.#kept;
    const batcher = this.#batchers[consistency];
    if (!kept) return batcher.ask(questions.map(this.#keyed), options);
    const now = performance.now();
    const answers: (OpenFgaAnswer | undefined)[] = [];
    const open: KeyedQuestion[] = [];
    for (const question of questions) {
      const keyed = this.#keyed(question);
      const answer = kept.get(keyed.key, now);
      if (answer === undefined) open.push(keyed);
      else this.#options.onKept?.();
      answers.push(answer);
    }
    if (open.length === 0) return answers as OpenFgaAnswer[]; // all of them were kept
    return batcher.ask(open, options).then((asked) => {
      let next = 0;
      return answers.map((answer) => answer ?? asked[next++] ?? new Failure("INTERNAL"));
    });
  }

  readonly #keyed = ({ subject, action, resource, clientAddress }: Question): KeyedQuestion => {
    const context = this.#options.contextOf(clientAddress);
    // Subject, action and resource contain no space.
    const key = `${subject} ${action} ${resource} ${context?.key ?? ""}`;
    return { key, subject, action, resource, context };
  };

  async #send(
    batch: readonly KeyedQuestion[],
    consistency: Consistency,
    deadline: number,
  ): Promise<readonly OpenFgaAnswer[]> {
    const sentAt = performance.now();
    const permissions = await this.#options.checker.check(batch, consistency, { deadline });
    if (this.#kept) {
      const now = performance.now();
      for (const [index, { key }] of batch.entries()) {
        const permission = permissions[index];
        if (typeof permission === "boolean") this.#kept.keep(key, permission, sentAt, now);
      }
    }
    return permissions;
  }
}
