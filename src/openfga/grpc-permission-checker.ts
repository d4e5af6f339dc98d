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
  readonly client: Pick<OpenFgaClient, "call">;
  readonly storeId: string;
  /** Pinned on every call: an unpinned Check takes the newest model at once. */
  readonly modelId: string;
  /** Most questions in one BatchCheck; OpenFGA's own default limit is 50. */
  readonly maxBatch: number;
  /** Told what became of each call. */
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

  /** Asks again what failed in a way that may pass; an item that failed is asked alone, so that it cannot fail its neighbours. */
  const settle = async (question: Question, answer: Answer, callOptions: CallOptions): Promise<Permission> => {
    if ("allowed" in answer) return answer.allowed;
    const { deadline, signal } = callOptions;
    if (!answer.retry || signal?.aborted || (deadline !== undefined && performance.now() >= deadline))
      return answer.failure;
    const second = await askOne(question, callOptions);
    return "allowed" in second ? second.allowed : second.failure;
  };

  async function askChunk(questions: readonly Question[], callOptions: CallOptions): Promise<readonly Permission[]> {
    const answers = await askMany(questions, callOptions);
    return Promise.all(
      questions.map((question, index) =>
        settle(question, answers[index] ?? unanswered("an item is missing"), callOptions),
      ),
    );
  }

  return {
    async check(question, callOptions) {
      return settle(question, await askOne(question, callOptions), callOptions);
    },
    async batchCheck(questions, callOptions) {
      const chunks: Promise<readonly Permission[]>[] = [];
      for (let start = 0; start < questions.length; start += maxBatch) {
        chunks.push(askChunk(questions.slice(start, start + maxBatch), callOptions));
      }
      return (await Promise.all(chunks)).flat();
    },
  };
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
