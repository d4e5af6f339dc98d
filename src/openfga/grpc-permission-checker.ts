import {
  type BatchCheckResponse,
  type BatchCheckSingleResult,
  type CheckResponse,
  OpenFGAService,
} from "#gen/openfga/v1/openfga_service_pb.js";
import type { CallOptions } from "../domain/call-options.js";
import type { Consistency, OpenFgaAnswer } from "../domain/permission-checker.js";
import type { Reply } from "./channel.js";
import { consistencyPreferences, encodeBatchCheck, encodeCheck, type Pinned } from "./check-request.js";
import { decodeBatchCheck, decodeCheck } from "./check-response.js";
import type { OpenFgaClient } from "./client.js";
import type { QuestionInContext } from "./condition-context.js";
import { type Outcome, readRefusal, type Trouble, unanswered } from "./outcome.js";

const { check, batchCheck } = OpenFGAService.method;

export interface GrpcPermissionCheckerOptions extends Pinned {
  readonly client: Pick<OpenFgaClient, "exchange" | "timeoutMs">;
  /** Called after each call with the outcome of its questions and their number. */
  readonly onOutcome?: (method: "Check" | "BatchCheck", outcome: Outcome, questions: number) => void;
}

/**
 * Asks OpenFGA in one call. Questions bring their context, since a question may be sent some time after it was asked.
 */
export interface GrpcPermissionChecker {
  /**
   * Returns one answer for each question, in order. Accepts at most as many questions as OpenFGA accepts in one
   * BatchCheck. Rejects only for a defect.
   */
  check(
    questions: readonly QuestionInContext[],
    consistency: Consistency,
    options?: Pick<CallOptions, "deadline">,
  ): Promise<readonly OpenFgaAnswer[]>;
}

type Answer = boolean | Trouble;

/** Asks OpenFGA over gRPC: one question by Check, several by BatchCheck. */
export function createGrpcPermissionChecker(options: GrpcPermissionCheckerOptions): GrpcPermissionChecker {
  const { client, onOutcome } = options;

  async function ask(
    questions: readonly QuestionInContext[],
    consistency: Consistency,
    deadline: number,
  ): Promise<readonly Answer[]> {
    const wanted = consistencyPreferences[consistency];
    const [lone] = questions;
    if (lone && questions.length === 1) {
      const reply = await client.exchange(check, encodeCheck(options, lone, wanted), decodeCheck, { deadline });
      return told("Check", [readAnswer(reply)]);
    }
    const request = encodeBatchCheck(options, questions, wanted);
    const reply = await client.exchange(batchCheck, request, decodeBatchCheck, { deadline });
    return told("BatchCheck", readBatch(reply, questions.length));
  }

  function told(method: "Check" | "BatchCheck", answers: readonly Answer[]): readonly Answer[] {
    if (!onOutcome) return answers;
    let answered = 0;
    for (const answer of answers) {
      if (typeof answer === "boolean") answered++;
      else onOutcome(method, answer.outcome, 1);
    }
    if (answered > 0) onOutcome(method, "answered", answered);
    return answers;
  }

  return {
    /**
     * Retries, once, the questions that failed in a way that may pass, all in one call: a broken OpenFGA must not get a
     * call for each question of a batch. Both calls share one time-out.
     */
    async check(questions, consistency, { deadline: latest = Number.POSITIVE_INFINITY } = {}) {
      const deadline = Math.min(performance.now() + client.timeoutMs, latest);
      const answers = [...(await ask(questions, consistency, deadline))];
      const failed = questions.flatMap((question, position) =>
        mayPass(answers[position]) ? [{ question, position }] : [],
      );
      if (failed.length > 0 && performance.now() < deadline) {
        const repeated = failed.map(({ question }) => question);
        const seconds = await ask(repeated, consistency, deadline);
        for (const [index, { position }] of failed.entries()) answers[position] = seconds[index] ?? missing;
      }
      return answers.map((answer) => (typeof answer === "boolean" ? answer : answer.failure));
    },
  };
}

const missing = unanswered("an item is missing");

function mayPass(answer: Answer | undefined): boolean {
  return typeof answer === "object" && answer.retry;
}

function readAnswer(reply: Reply<CheckResponse>): Answer {
  return reply.ok ? reply.value.allowed === true : readRefusal(reply);
}

function readBatch(reply: Reply<BatchCheckResponse>, count: number): readonly Answer[] {
  if (!reply.ok) return new Array<Answer>(count).fill(readRefusal(reply));
  const { result } = reply.value;
  if (Object.keys(result).length > count) {
    return new Array<Answer>(count).fill(unanswered("BatchCheck answered more than was asked"));
  }
  return Array.from({ length: count }, (_, index) => readItem(result[String(index)]));
}

function readItem(item: BatchCheckSingleResult | undefined): Answer {
  switch (item?.checkResult.case) {
    case "allowed":
      return item.checkResult.value === true;
    case "error": {
      const { code, message } = item.checkResult.value;
      return readRefusal({ code: code.value ?? 0, details: message, deadlinePassed: false, cancelled: false });
    }
    default:
      return unanswered("BatchCheck left an item without an answer");
  }
}
