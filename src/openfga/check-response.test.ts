import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { BatchCheckResponseSchema, CheckResponseSchema } from "#gen/openfga/v1/openfga_service_pb.js";
import { decodeBatchCheck, decodeCheck } from "./check-response.js";

const item = fc.oneof(
  { weight: 20, arbitrary: fc.boolean().map((value) => ({ checkResult: { case: "allowed" as const, value } })) },
  {
    weight: 1,
    arbitrary: fc.string().map((message) => ({
      checkResult: {
        case: "error" as const,
        value: { message, code: { case: "internalError" as const, value: 4000 } },
      },
    })),
  },
  { weight: 1, arbitrary: fc.constant({}) },
);
const id = fc.oneof(
  { weight: 20, arbitrary: fc.nat(200).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "toString", "") },
);

it("an answer to Check is read as protobuf-es reads it", () => {
  for (const allowed of [true, false]) {
    const bytes = Buffer.from(toBinary(CheckResponseSchema, create(CheckResponseSchema, { allowed })));
    expect(decodeCheck(bytes).allowed).toBe(allowed);
  }
});

it("an answer to BatchCheck is read as protobuf-es reads it", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(id, item), { selector: ([key]) => key, maxLength: 80 }), (items) => {
      const message = create(BatchCheckResponseSchema, { result: Object.fromEntries(items) });
      const bytes = Buffer.from(toBinary(BatchCheckResponseSchema, message));
      const expected = fromBinary(BatchCheckResponseSchema, bytes);
      const read = decodeBatchCheck(bytes);
      expect(Object.keys(read.result)).toEqual(Object.keys(expected.result));
      for (const [key, { checkResult }] of Object.entries(expected.result))
        expect(read.result[key]?.checkResult).toEqual(checkResult);
    }),
  );
});

it("any bytes are read as protobuf-es reads them, or refused where protobuf-es refuses them", () => {
  const outcome = (read: () => unknown): unknown => {
    try {
      return read();
    } catch {
      return "refused";
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (random) => {
      const bytes = Buffer.from(random);
      const one = outcome(() => decodeCheck(bytes).allowed);
      expect(one).toEqual(outcome(() => fromBinary(CheckResponseSchema, bytes).allowed));
      const many = outcome(() =>
        Object.entries(decodeBatchCheck(bytes).result).map(([key, value]) => [key, value.checkResult]),
      );
      expect(many).toEqual(
        outcome(() =>
          Object.entries(fromBinary(BatchCheckResponseSchema, bytes).result).map(([key, value]) => [
            key,
            value.checkResult,
          ]),
        ),
      );
    }),
    { numRuns: 5_000 },
  );
});
