import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { CheckRequestSchema as OpenFgaCheckRequestSchema } from "#gen/openfga/v1/openfga_service_pb.js";
import { BatchCheckRequestSchema, CheckRequestSchema } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { batchSize, lists, type Question, questions, subjectOf } from "./workload.js";

/** A request, and the expected answer in the notation of the load generator. */
export interface Exchange {
  readonly body: Uint8Array;
  readonly expected: string;
}

/** How the load generator reads an answer, see `load-generator.mjs`. */
export type AnswerKind = "decision" | "batch" | "openfga" | "empty";

/** One kind of call, repeated in the order of its exchanges. */
export interface Traffic {
  /** Path of the method, `/package.Service/Method`. */
  readonly path: string;
  readonly exchanges: readonly Exchange[];
  readonly answer: AnswerKind;
  readonly decisionsPerCall: number;
}

const service = "/patwarden.v1.AuthorizationService";

const decision = (allowed: boolean, reason: Reason): string => `${allowed ? 1 : 0}:${reason}`;
const expectedOf = ({ allowed }: Question): string =>
  decision(allowed, allowed ? Reason.ALLOWED : Reason.NOT_PERMITTED);

function encode<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, message));
}

/** Returns Checks: every question once, with `secrets[user]`. */
export function checks(secrets: readonly string[]): Traffic {
  return checksOf(questions.map((question) => ({ question, token: secrets[question.user] ?? "" })));
}

/** Returns Checks: every token once, each with its user's question. */
export function checksOfTokens(secrets: readonly string[]): Traffic {
  const byUser = new Map(questions.map((question) => [question.user, question]));
  return checksOf(
    secrets.flatMap((token, number) => {
      const question = byUser.get(number % byUser.size);
      return question ? [{ question, token }] : [];
    }),
  );
}

function checksOf(asked: readonly { readonly question: Question; readonly token: string }[]): Traffic {
  return {
    path: `${service}/Check`,
    exchanges: asked.map(({ question, token }) => ({
      body: encode(CheckRequestSchema, { token, resource: question.resource, action: question.action }),
      expected: expectedOf(question),
    })),
    answer: "decision",
    decisionsPerCall: 1,
  };
}

/** Returns Checks with malformed secrets. */
export function malformedChecks(): Traffic {
  const traffic = checks(questions.map(({ user }) => `pw_pat_${"x".repeat(48)}${user % 10}`));
  const expected = decision(false, Reason.TOKEN_MALFORMED);
  return { ...traffic, exchanges: traffic.exchanges.map(({ body }) => ({ body, expected })) };
}

/** Returns BatchChecks of 50 questions for one token, as from a backend that filters a list. */
export function listBatches(secrets: readonly string[]): Traffic {
  return batches(lists.map((list) => ({ questions: list, token: secrets[list[0]?.user ?? 0] ?? "" })));
}

/** Returns BatchChecks of 50 questions for 50 tokens: the same 1,000 questions as Check. */
export function mixedBatches(secrets: readonly string[]): Traffic {
  const chunks = Array.from({ length: questions.length / batchSize }, (_, index) =>
    questions.slice(index * batchSize, (index + 1) * batchSize),
  );
  return batches(chunks.map((chunk) => ({ questions: chunk, tokenOf: ({ user }: Question) => secrets[user] ?? "" })));
}

interface Batch {
  readonly questions: readonly Question[];
  /** One token for all questions. */
  readonly token?: string;
  /** A token for each question. */
  readonly tokenOf?: (question: Question) => string;
}

function batches(list: readonly Batch[]): Traffic {
  return {
    path: `${service}/BatchCheck`,
    exchanges: list.map(({ questions: asked, token = "", tokenOf = () => "" }) => ({
      body: encode(BatchCheckRequestSchema, {
        token,
        items: asked.map((question) => ({
          token: tokenOf(question),
          resource: question.resource,
          action: question.action,
        })),
      }),
      expected: asked.map(expectedOf).join(","),
    })),
    answer: "batch",
    decisionsPerCall: batchSize,
  };
}

/** Returns OpenFGA's own Check of every question, with the subject's name: the baseline of the measurements. */
export function directChecks(storeId: string, authorizationModelId: string): Traffic {
  return {
    path: "/openfga.v1.OpenFGAService/Check",
    exchanges: questions.map(({ user, action, resource, allowed }) => ({
      body: encode(OpenFgaCheckRequestSchema, {
        storeId,
        authorizationModelId,
        tupleKey: { user: subjectOf(user), relation: action, object: resource },
      }),
      expected: allowed ? "1" : "0",
    })),
    answer: "openfga",
    decisionsPerCall: 1,
  };
}

/** Returns the same requests as `checks`, for a server that answers an empty message. */
export function noopCalls(secrets: readonly string[]): Traffic {
  const traffic = checks(secrets);
  return { ...traffic, answer: "empty", exchanges: traffic.exchanges.map(({ body }) => ({ body, expected: "" })) };
}
