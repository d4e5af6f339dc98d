import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type BatchCheckResponse,
  type BatchCheckSingleResult,
  type CheckRequestTupleKeySchema,
  ConsistencyPreference,
  OpenFGAService,
} from "#gen/openfga/v1/openfga_service_pb.js";
import type { OpenFgaClient, Reply } from "./client.js";
import { type Outcome, readRefusal, type Trouble, unanswered } from "./outcome.js";
import type { CallOptions, Permission, PermissionChecker, Question } from "./permission-checker.js";

const { check, batchCheck } = OpenFGAService.method;

export interface GrpcPermissionCheckerOptions {
  readonly client: Pick<OpenFgaClient, "call" | "timeoutMs">;
  readonly storeId: string;
  /** Pinned on every call: an unpinned Check takes the newest model at once. */
  readonly modelId: string;
  /** Most questions in one BatchCheck; OpenFGA's own default limit is 50. */
  readonly maxBatch: number;
  /** Told what became of each question of each call. */
  readonly onOutcome?: (method: "Check" | "BatchCheck", outcome: Outcome) => void;
}

type Answer = { readonly allowed: boolean } | Trouble;

const consistencies = {
  "minimize-latency": ConsistencyPreference.MINIMIZE_LATENCY,
  higher: ConsistencyPreference.HIGHER_CONSISTENCY,
} as const;

/** OpenFGA asked over gRPC. At most one retry, where it can help and time remains. */
export function createGrpcPermissionChecker(options: GrpcPermissionCheckerOptions): PermissionChecker {
  const { client, storeId, modelId, maxBatch, onOutcome } = options;

  async function askOne(question: Question, callOptions: CallOptions): Promise<Answer> {
    const reply = await client.call(
      check,
      {
        storeId,
        authorizationModelId: modelId,
        tupleKey: tupleKey(question),
        consistency: consistencies[callOptions.consistency],
      },
      callOptions,
    );
    const answer = reply.ok ? { allowed: reply.value.allowed === true } : readRefusal(reply);
    onOutcome?.("Check", "outcome" in answer ? answer.outcome : "answered");
    return answer;
  }

  async function askMany(questions: readonly Question[], callOptions: CallOptions): Promise<readonly Answer[]> {
    const reply = await client.call(
      batchCheck,
      {
        storeId,
        authorizationModelId: modelId,
        checks: questions.map((question, index) => ({ tupleKey: tupleKey(question), correlationId: String(index) })),
        consistency: consistencies[callOptions.consistency],
      },
      callOptions,
    );
    const answers = readBatch(reply, questions.length);
    for (const answer of answers) onOutcome?.("BatchCheck", "outcome" in answer ? answer.outcome : "answered");
    return answers;
  }

  /**
   * Asks again, once, what failed in a way that may pass, without its neighbours and in one call: a broken OpenFGA must not get a call for each
   * question of a batch. Both calls share one time-out.
   */
  async function settle(
    questions: readonly Question[],
    callOptions: CallOptions,
    ask: (questions: readonly Question[], callOptions: CallOptions) => Promise<readonly Answer[]>,
  ): Promise<readonly Permission[]> {
    const deadline = Math.min(performance.now() + client.timeoutMs, callOptions.deadline ?? Number.POSITIVE_INFINITY);
    const bounded = { ...callOptions, deadline };
    const answers = [...(await ask(questions, bounded))];
    const failed = questions.flatMap((question, index) => (mayPass(answers[index]) ? [{ question, index }] : []));
    if (failed.length > 0 && !callOptions.signal?.aborted && performance.now() < deadline) {
      const repeated = failed.map(({ question }) => question);
      const seconds = await (failed.length === 1 ? askAlone : askMany)(repeated, bounded);
      for (const [position, { index }] of failed.entries()) answers[index] = seconds[position] ?? missing;
    }
    return questions.map((_, index) => permissionOf(answers[index] ?? missing));
  }

  async function askAlone(questions: readonly Question[], callOptions: CallOptions): Promise<readonly Answer[]> {
    return Promise.all(questions.map((question) => askOne(question, callOptions)));
  }

  return {
    async check(question, callOptions) {
      const [permission] = await settle([question], callOptions, askAlone);
      return permission ?? permissionOf(missing);
    },
    async batchCheck(questions, callOptions) {
      const chunks: Promise<readonly Permission[]>[] = [];
      for (let start = 0; start < questions.length; start += maxBatch) {
        chunks.push(settle(questions.slice(start, start + maxBatch), callOptions, askMany));
      }
      return (await Promise.all(chunks)).flat();
    },
  };
}

const missing: Answer = unanswered("an item is missing");

function mayPass(answer: Answer | undefined): boolean {
  return answer !== undefined && "retry" in answer && answer.retry;
}

function permissionOf(answer: Answer): Permission {
  return "allowed" in answer ? answer.allowed : answer.failure;
}

function tupleKey({ subject, action, resource }: Question): MessageInitShape<typeof CheckRequestTupleKeySchema> {
  return { user: subject, relation: action, object: resource };
}

function readBatch(reply: Reply<BatchCheckResponse>, count: number): readonly Answer[] {
  if (!reply.ok) return Array.from({ length: count }, () => readRefusal(reply));
  const { result } = reply.value;
  if (Object.keys(result).length > count) {
    return Array.from({ length: count }, () => unanswered("BatchCheck answered more than was asked"));
  }
  return Array.from({ length: count }, (_, index) => readItem(result[String(index)]));
}

function readItem(item: BatchCheckSingleResult | undefined): Answer {
  switch (item?.checkResult.case) {
    case "allowed":
      return { allowed: item.checkResult.value === true };
    case "error": {
      const { code, message } = item.checkResult.value;
      return readRefusal({ code: code.value ?? 0, details: message, deadlinePassed: false, cancelled: false });
    }
    default:
      return unanswered("BatchCheck left an item without an answer");
  }
}
