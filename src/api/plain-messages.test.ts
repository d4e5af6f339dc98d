import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AuthorizationService,
  BatchCheckRequestSchema,
  BatchCheckResponseSchema,
  CheckRequestSchema,
  CheckResponseSchema,
} from "#gen/patwarden/v1/authorization_pb.js";
import { plainCodecs } from "./plain-messages.js";

const codecOf = (name: "check" | "batchCheck") => {
  const codec = plainCodecs.get(AuthorizationService.method[name]);
  if (!codec) throw new Error("it is on the hot path");
  return codec;
};
const check = codecOf("check");
const batch = codecOf("batchCheck");

/** Lengths on both sides of 128, where a length takes a second byte. */
const ascii = fc.string({ unit: "binary-ascii", maxLength: 300 });
const context = fc.record(
  {
    clientIp: ascii,
    usageUnits: fc.option(fc.nat(1_000_000), { nil: undefined }),
    usageId: ascii,
  },
  { requiredKeys: ["clientIp", "usageId"] },
);
const question = fc.record(
  { token: ascii, resource: ascii, action: ascii, context, consistency: fc.nat(300) },
  { requiredKeys: ["token", "resource", "action"] },
);
const decision = fc.record(
  {
    allowed: fc.boolean(),
    reason: fc.nat(30),
    tokenValid: fc.boolean(),
    subject: ascii,
    tokenId: ascii,
    // To the end of the year 9999.
    expireTime: fc.integer({ min: 0, max: 253_402_300_799_999 }).map(timestampFromMs),
    organization: ascii,
  },
  { requiredKeys: ["allowed", "reason"] },
);
const error = fc.record({ code: fc.nat(16), reason: ascii, message: ascii });
const results = fc.array(
  fc.oneof(
    decision.map((value) => ({ result: { case: "decision" as const, value } })),
    error.map((value) => ({ result: { case: "error" as const, value } })),
    fc.constant({}),
  ),
  { maxLength: 60 },
);

/** Removes fields that are `undefined`: protobuf-es takes `undefined` for a value. */
function encoded<D extends DescMessage>(schema: D, fields: unknown): Buffer {
  const init = JSON.parse(
    JSON.stringify(fields, (_, value) => (typeof value === "bigint" ? `big${value}` : value)),
    (_, value) => (typeof value === "string" && /^big\d+$/.test(value) ? BigInt(value.slice(3)) : value),
  );
  return Buffer.from(toBinary(schema, create(schema, init as MessageInitShape<D>)));
}

describe("requests are read as protobuf-es reads them", () => {
  it("a Check", () => {
    fc.assert(
      fc.property(question, fc.array(ascii, { maxLength: 3 }), (asked, claims) => {
        const bytes = encoded(CheckRequestSchema, { ...asked, claims });
        expect(check.decode(bytes)).toEqual({ ...fromBinary(CheckRequestSchema, bytes) });
      }),
    );
  });

  it("a BatchCheck", () => {
    fc.assert(
      fc.property(question, fc.array(question, { maxLength: 60 }), ({ token, context: all, consistency }, items) => {
        const bytes = encoded(BatchCheckRequestSchema, { token, context: all, consistency, items });
        const expected = fromBinary(BatchCheckRequestSchema, bytes);
        expect(batch.decode(bytes)).toEqual({ ...expected, items: expected.items.map((item) => ({ ...item })) });
      }),
    );
  });

  it("or are left to protobuf-es: all other messages", () => {
    const odd: readonly [string, (writer: BinaryWriter) => BinaryWriter][] = [
      ["an unknown field", (writer) => writer.tag(99, WireType.Varint).uint32(1)],
      ["text that is not ASCII", (writer) => writer.tag(1, WireType.LengthDelimited).string("pw_pät")],
      ["a known field of another type", (writer) => writer.tag(1, WireType.Varint).uint32(1)],
      ["a negative number", (writer) => writer.tag(5, WireType.Varint).int32(-1)],
      ["two contexts", (writer) => writer.raw(Buffer.of(0x22, 0, 0x22, 0))],
      ["an unknown field of the context", (writer) => writer.raw(Buffer.of(0x22, 2, 0x10, 1))],
      ["a text that is cut off", (writer) => writer.raw(Buffer.of(0x0a, 5, 0x61))],
    ];
    for (const [what, write] of odd) {
      expect(check.decode(Buffer.from(write(new BinaryWriter()).finish())), what).toBeUndefined();
      const item = write(new BinaryWriter()).finish();
      const request = new BinaryWriter().tag(4, WireType.LengthDelimited).bytes(item).finish();
      expect(batch.decode(Buffer.from(request)), what).toBeUndefined();
    }
  });

  it("for any bytes, both read the same, or the bytes are left to protobuf-es", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (random) => {
        const bytes = Buffer.from(random);
        const plain = check.decode(bytes);
        if (plain) expect(plain).toEqual({ ...fromBinary(CheckRequestSchema, bytes) });
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("answers are written as protobuf-es writes them", () => {
  it("of a Check", () => {
    fc.assert(
      fc.property(decision, (fields) => {
        const message = create(CheckResponseSchema, fields as MessageInitShape<typeof CheckResponseSchema>);
        expect(check.encode(message)).toEqual(Buffer.from(toBinary(CheckResponseSchema, message)));
      }),
    );
  });

  it("of a BatchCheck", () => {
    fc.assert(
      fc.property(results, (each) => {
        const message = create(BatchCheckResponseSchema, { results: each } as MessageInitShape<
          typeof BatchCheckResponseSchema
        >);
        expect(batch.encode(message)).toEqual(Buffer.from(toBinary(BatchCheckResponseSchema, message)));
      }),
    );
  });

  it("or are left to protobuf-es: claims, and text that is not ASCII", () => {
    expect(check.encode(create(CheckResponseSchema, { claims: { tier: "gold" } }))).toBeUndefined();
    for (const field of ["subject", "tokenId", "organization"]) {
      const decided = create(CheckResponseSchema, { [field]: "usér:alice" });
      expect(check.encode(decided)).toBeUndefined();
      const result = { result: { case: "decision" as const, value: decided } };
      expect(batch.encode(create(BatchCheckResponseSchema, { results: [result] }))).toBeUndefined();
    }
  });
});
