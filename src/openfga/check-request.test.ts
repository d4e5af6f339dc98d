import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { BatchCheckRequestSchema, CheckRequestSchema } from "#gen/openfga/v1/openfga_service_pb.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import { encodeBatchCheck, encodeCheck } from "./check-request.js";
import type { QuestionInContext } from "./condition-context.js";

const pinned = { storeId: "01ARZ3NDEKTSV4RRFFQ69G5FAV", modelId: "01ARZ3NDEKTSV4RRFFQ69G5FAW" };

/** Lengths on both sides of 128, where a varint takes a second byte. */
const name = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 256 });
const question: fc.Arbitrary<QuestionInContext> = fc
  .record({
    subject: name,
    action: name,
    resource: name,
    context: fc.option(
      fc.record({
        values: fc.uniqueArray(
          fc.tuple(
            name.map((each) => `p${each}`),
            name,
          ),
          { selector: ([each]) => each, maxLength: 3 },
        ),
      }),
      { nil: undefined },
    ),
  })
  .map(({ subject, action, resource, context }) => ({
    subject: subject as SubjectName,
    action: action as ActionName,
    resource: resource as ResourceName,
    ...(context && { context: { ...context, key: "" } }),
  }));
const consistency = fc.constantFrom(100, 200);

const fieldsOf = ({ subject, action, resource, context }: QuestionInContext) => ({
  tupleKey: { user: subject, relation: action, object: resource },
  ...(context && { context: Object.fromEntries(context.values) }),
});

it("a Check is written as protobuf-es writes it", () => {
  fc.assert(
    fc.property(question, consistency, (asked, wanted) => {
      const { storeId, modelId } = pinned;
      const fields = { ...fieldsOf(asked), storeId, authorizationModelId: modelId, consistency: wanted };
      const expected = toBinary(CheckRequestSchema, create(CheckRequestSchema, fields));
      expect(encodeCheck(pinned, asked, wanted).equals(expected)).toBe(true);
    }),
  );
});

it("a BatchCheck is written as protobuf-es writes it", () => {
  fc.assert(
    fc.property(fc.array(question, { maxLength: 120 }), consistency, (asked, wanted) => {
      const { storeId, modelId } = pinned;
      const checks = asked.map((each, index) => ({ ...fieldsOf(each), correlationId: String(index) }));
      const fields = { storeId, authorizationModelId: modelId, consistency: wanted, checks };
      const expected = toBinary(BatchCheckRequestSchema, create(BatchCheckRequestSchema, fields));
      expect(encodeBatchCheck(pinned, asked, wanted).equals(expected)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

it("a name whose characters would become other characters is not sent", () => {
  const asked = { subject: "user:\u0161" as SubjectName, action: "a" as ActionName, resource: "d:1" as ResourceName };
  expect(() => encodeCheck(pinned, asked, 100)).toThrow("not ASCII");
  expect(() => encodeBatchCheck(pinned, [asked, asked], 100)).toThrow("not ASCII");
});
