import { ConsistencyPreference } from "#gen/openfga/v1/openfga_service_pb.js";
import type { Consistency } from "../domain/permission-checker.js";
import { bytesOf, field, number } from "../wire/plain-writer.js";
import type { ConditionContext, QuestionInContext } from "./condition-context.js";

/** Encodes requests of Check and BatchCheck by hand. The tests compare the bytes with those of protobuf-es. */

/** The store and the model, which every call names. */
export interface Pinned {
  readonly storeId: string;
  readonly modelId: string;
}

export const consistencyPreferences: Readonly<Record<Consistency, ConsistencyPreference>> = {
  "minimize-latency": ConsistencyPreference.MINIMIZE_LATENCY,
  higher: ConsistencyPreference.HIGHER_CONSISTENCY,
};

/** Encodes a CheckRequest. Identifiers are ASCII; throws when one is not even Latin-1. */
export function encodeCheck({ storeId, modelId }: Pinned, question: QuestionInContext, consistency: number): Buffer {
  return bytesOf(
    field(1, storeId) +
      field(2, tupleKey(question)) +
      field(4, modelId) +
      (question.context ? field(6, struct(question.context)) : "") +
      number(7, consistency),
  );
}

/** Encodes a BatchCheckRequest whose correlation ids are the positions of the questions. Throws as above. */
export function encodeBatchCheck(
  { storeId, modelId }: Pinned,
  questions: readonly QuestionInContext[],
  consistency: number,
): Buffer {
  const items = questions.map((question, position) =>
    field(
      2,
      field(1, tupleKey(question)) +
        (question.context ? field(3, struct(question.context)) : "") +
        field(4, String(position)),
    ),
  );
  return bytesOf(field(1, storeId) + items.join("") + field(3, modelId) + number(4, consistency));
}

function tupleKey({ subject, action, resource }: QuestionInContext): string {
  return field(1, subject) + field(2, action) + field(3, resource);
}

/** A google.protobuf.Struct of strings. */
function struct({ values }: ConditionContext): string {
  return values.map(([parameter, value]) => field(1, field(1, parameter) + field(2, field(3, value)))).join("");
}
