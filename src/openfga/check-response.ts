import { fromBinary } from "@bufbuild/protobuf";
import {
  type BatchCheckResponse,
  BatchCheckResponseSchema,
  type BatchCheckSingleResult,
  type CheckResponse,
  CheckResponseSchema,
} from "#gen/openfga/v1/openfga_service_pb.js";
import { PlainReader } from "../wire/plain-reader.js";

/** Decodes plain answers of Check and BatchCheck by hand. The tests compare them with what protobuf-es reads. */

/** Decodes a CheckResponse. Throws when the bytes are not one. */
export function decodeCheck(bytes: Buffer): CheckResponse {
  return plainCheck(new PlainReader(bytes)) ?? fromBinary(CheckResponseSchema, bytes);
}

/** Decodes a BatchCheckResponse. Throws when the bytes are not one. */
export function decodeBatchCheck(bytes: Buffer): BatchCheckResponse {
  return plainBatchCheck(new PlainReader(bytes)) ?? fromBinary(BatchCheckResponseSchema, bytes);
}

function plainCheck(reader: PlainReader): CheckResponse | undefined {
  let allowed = false;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== 0x08) return undefined;
    allowed = reader.varint() !== 0;
  }
  return reader.done ? { $typeName: "openfga.v1.CheckResponse", allowed } : undefined;
}

function plainBatchCheck(reader: PlainReader): BatchCheckResponse | undefined {
  const result: Record<string, BatchCheckSingleResult> = {};
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== 0x0a) return undefined;
    const entry = reader.message();
    const key = entry.tag() === 0x0a ? entry.text() : "";
    const item = entry.tag() === 0x12 ? plainItem(entry.message()) : undefined;
    // Correlation ids are positions; any other text could be the name of a property that every object has.
    if (!item || !entry.done || !/^\d+$/.test(key)) return undefined;
    result[key] = item;
  }
  return reader.done ? { $typeName: "openfga.v1.BatchCheckResponse", result } : undefined;
}

/** Decodes an answer; errors are rare and left to protobuf-es. */
function plainItem(reader: PlainReader): BatchCheckSingleResult | undefined {
  if (reader.tag() !== 0x08) return undefined;
  const value = reader.varint() !== 0;
  return reader.done
    ? { $typeName: "openfga.v1.BatchCheckSingleResult", checkResult: { case: "allowed", value } }
    : undefined;
}
