import type { DescMethod } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  AuthorizationService,
  type BatchCheckItem,
  type BatchCheckRequest,
  type BatchCheckResponse,
  type BatchCheckResult,
  type CheckRequest,
  type CheckResponse,
  type Consistency,
  type RequestContext,
} from "#gen/patwarden/v1/authorization_pb.js";
import { maxParts } from "../transport/message-parts.js";
import type { MessageCodec } from "../transport/service.js";
import { PlainReader } from "../wire/plain-reader.js";
import { PlainWriter } from "../wire/plain-writer.js";

/*
 * Reads and writes the messages of Check and BatchCheck by hand when they are plain; otherwise protobuf-es does it. The
 * reflection of protobuf-es costs more than the decision itself (measured). Tests check that both give the same result.
 */

/** Codecs of the methods on the hot path. */
export const plainCodecs: ReadonlyMap<DescMethod, MessageCodec> = new Map<DescMethod, MessageCodec>([
  [
    AuthorizationService.method.check,
    {
      decode: (request) => readCheckRequest(new PlainReader(request)),
      encode: (response) => encodeCheckResponse(response as CheckResponse), // of this method's type
    },
  ],
  [
    AuthorizationService.method.batchCheck,
    {
      decode: (request) => readBatchCheckRequest(new PlainReader(request)),
      encode: (response) => encodeBatchCheckResponse(response as BatchCheckResponse), // as above
    },
  ],
]);

function readCheckRequest(reader: PlainReader): CheckRequest | undefined {
  const claims: string[] = [];
  const request: CheckRequest = {
    $typeName: "patwarden.v1.CheckRequest",
    token: "",
    resource: "",
    action: "",
    consistency: 0,
    claims,
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x32) claims.push(reader.text());
    else if (!readQuestionField(reader, tag, request)) return undefined;
  }
  return reader.done ? request : undefined;
}

function readBatchCheckRequest(reader: PlainReader): BatchCheckRequest | undefined {
  const items: BatchCheckItem[] = [];
  const request: BatchCheckRequest = { $typeName: "patwarden.v1.BatchCheckRequest", token: "", consistency: 0, items };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case 0x0a:
        request.token = reader.text();
        break;
      case 0x12:
        if (!readContext(reader, request)) return undefined;
        break;
      case 0x18:
        request.consistency = reader.varint() as Consistency; // proto3 enums are open
        break;
      case 0x22: {
        const item = readBatchCheckItem(reader.message());
        // The general decoder refuses a message with too many items.
        if (!item || items.push(item) > maxParts) return undefined;
        break;
      }
      default:
        return undefined;
    }
  }
  return reader.done ? request : undefined;
}

function readBatchCheckItem(reader: PlainReader): BatchCheckItem | undefined {
  const item: BatchCheckItem = {
    $typeName: "patwarden.v1.BatchCheckItem",
    token: "",
    resource: "",
    action: "",
    consistency: 0,
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (!readQuestionField(reader, tag, item)) return undefined;
  }
  return reader.done ? item : undefined;
}

/** Fields 1 to 5, which a CheckRequest and a BatchCheckItem have in common. */
function readQuestionField(reader: PlainReader, tag: number, question: CheckRequest | BatchCheckItem): boolean {
  switch (tag) {
    case 0x0a:
      question.token = reader.text();
      return true;
    case 0x12:
      question.resource = reader.text();
      return true;
    case 0x1a:
      question.action = reader.text();
      return true;
    case 0x22:
      return readContext(reader, question);
    case 0x28:
      question.consistency = reader.varint() as Consistency; // proto3 enums are open
      return true;
    default:
      return false;
  }
}

function readContext(reader: PlainReader, into: { context?: RequestContext | undefined }): boolean {
  // Protobuf merges a second context into the first; the general decoder does that.
  if (into.context) return false;
  const context: RequestContext = { $typeName: "patwarden.v1.RequestContext", clientIp: "", usageId: "" };
  const fields = reader.message();
  for (let tag = fields.tag(); tag !== 0; tag = fields.tag()) {
    switch (tag) {
      case 0x0a:
        context.clientIp = fields.text();
        break;
      case 0x18:
        context.usageUnits = fields.varint();
        break;
      case 0x22:
        context.usageId = fields.text();
        break;
      default:
        return false;
    }
  }
  into.context = context;
  return fields.done;
}

const writer = new PlainWriter();

function encodeCheckResponse(response: CheckResponse): Buffer | undefined {
  writer.start();
  return writeCheckResponse(response) ? writer.finish() : undefined;
}

function encodeBatchCheckResponse({ results }: BatchCheckResponse): Buffer | undefined {
  writer.start();
  for (const { result } of results) {
    const item = writer.beginMessage(1);
    if (!writeResult(result)) return undefined;
    writer.endMessage(item);
  }
  return writer.finish();
}

/** Returns false, with some of it written, for a response that is left to protobuf-es. */
function writeCheckResponse(response: CheckResponse): boolean {
  const { allowed, reason, tokenValid, subject, tokenId, expireTime, organization } = response;
  if (!isPlainNumber(reason)) return false;
  for (const _ in response.claims) return false;
  if (allowed) writer.number(1, 1);
  if (reason !== 0) writer.number(2, reason);
  if (tokenValid) writer.number(3, 1);
  if (subject !== "") writer.text(4, subject);
  if (tokenId !== "") writer.text(5, tokenId);
  if (expireTime) writeTimestamp(6, expireTime);
  if (organization !== "") writer.text(8, organization);
  return true;
}

/** Returns whether the value is an int32 or enum value that is not negative. */
function isPlainNumber(value: number): boolean {
  return value >= 0 && (value | 0) === value;
}

/** Writes a time, 1970 or later. */
function writeTimestamp(field: number, { seconds, nanos }: Timestamp): void {
  const time = writer.beginMessage(field);
  if (seconds !== 0n) writer.number(1, Number(seconds));
  if (nanos !== 0) writer.number(2, nanos);
  writer.endMessage(time);
}

/** Returns false as `writeCheckResponse` does. */
function writeResult(result: BatchCheckResult["result"]): boolean {
  switch (result.case) {
    case "decision": {
      const decision = writer.beginMessage(1);
      if (!writeCheckResponse(result.value)) return false;
      writer.endMessage(decision);
      return true;
    }
    case "error": {
      const { code, reason, message } = result.value;
      if (!isPlainNumber(code)) return false;
      const error = writer.beginMessage(2);
      if (code !== 0) writer.number(1, code);
      if (reason !== "") writer.text(2, reason);
      if (message !== "") writer.text(3, message);
      writer.endMessage(error);
      return true;
    }
    default:
      return true;
  }
}
