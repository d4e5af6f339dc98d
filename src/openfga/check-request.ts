import { ConsistencyPreference } from "#gen/openfga/v1/openfga_service_pb.js";
import type { Consistency } from "../domain/permission-checker.js";
import { PlainWriter } from "../wire/plain-writer.js";
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

const writer = new PlainWriter();

/** Encodes a CheckRequest. Throws when an identifier is not ASCII. */
export function encodeCheck({ storeId, modelId }: Pinned, question: QuestionInContext, consistency: number): Buffer {
  writer.start();
  writer.text(1, storeId);
  writeTupleKey(2, question);
  writer.text(4, modelId);
  if (question.context) writeStruct(6, question.context);
  writer.number(7, consistency);
  return finished();
}

/** Encodes a BatchCheckRequest whose correlation ids are the positions of the questions. Throws as above. */
export function encodeBatchCheck(
  { storeId, modelId }: Pinned,
  questions: readonly QuestionInContext[],
  consistency: number,
): Buffer {
  writer.start();
  writer.text(1, storeId);
  for (const [position, question] of questions.entries()) {
    const item = writer.beginMessage(2);
    writeTupleKey(1, question);
    if (question.context) writeStruct(3, question.context);
    writer.text(4, String(position));
    writer.endMessage(item);
  }
  writer.text(3, modelId);
  writer.number(4, consistency);
  return finished();
}

function finished(): Buffer {
  const bytes = writer.finish();
  // Only the low byte of a character would be sent: another character, and so perhaps another subject.
  if (!bytes) throw new Error("an identifier is not ASCII");
  return bytes;
}

function writeTupleKey(field: number, { subject, action, resource }: QuestionInContext): void {
  const key = writer.beginMessage(field);
  writer.text(1, subject);
  writer.text(2, action);
  writer.text(3, resource);
  writer.endMessage(key);
}

/** A google.protobuf.Struct of strings. */
function writeStruct(field: number, { values }: ConditionContext): void {
  const struct = writer.beginMessage(field);
  for (const [parameter, value] of values) {
    const entry = writer.beginMessage(1);
    writer.text(1, parameter);
    const held = writer.beginMessage(2);
    writer.text(3, value);
    writer.endMessage(held);
    writer.endMessage(entry);
  }
  writer.endMessage(struct);
}
