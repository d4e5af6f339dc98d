import { setTimeout as sleep } from "node:timers/promises";
import { create, type DescMethod, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";
import { anyOf, fieldsFrom, headersFrom } from "./conformance-messages.js";
import {
  BidiStreamRequestSchema,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  ConformanceService,
  type Error as RpcError,
  ServerStreamRequestSchema,
  type StreamResponseDefinition,
  UnaryRequestSchema,
  // The answers and requests of all methods have the same fields with the same numbers, but for BidiStreamRequest.
  UnaryResponseSchema,
} from "./gen/connectrpc/conformance/v1/conformance_pb.js";
import type { Ending, Field, RawCall, RawHandler } from "./raw-server.js";

const { unary, idempotentUnary, clientStream, serverStream, bidiStream } = ConformanceService.method;

/** Answers with what the first request asks for, once all requests are there. */
function answerOnce({ input }: DescMethod): RawHandler {
  return async (call) => {
    const requests: Any[] = [];
    for await (const bytes of call.requests) requests.push(anyOf(input.typeName, bytes) as Any);
    const [first] = requests;
    const definition = first && fromBinary(UnaryRequestSchema, first.value).responseDefinition;
    const info = infoOf(call, requests);
    sendHeaders(call, fieldsFrom(definition?.responseHeaders ?? []));
    await sleep(definition?.responseDelayMs ?? 0);
    const trailers = fieldsFrom(definition?.responseTrailers ?? []);
    if (definition?.response.case === "error") return failed(definition.response.value, trailers, info);
    const data = definition?.response.case === "responseData" ? definition.response.value : new Uint8Array();
    await send(call, { data, requestInfo: info });
    return { trailers };
  };
}

const answerStream: RawHandler = async (call) => {
  const requests: Any[] = [];
  for await (const bytes of call.requests) requests.push(anyOf(serverStream.input.typeName, bytes) as Any);
  const [first] = requests;
  const definition = first && fromBinary(ServerStreamRequestSchema, first.value).responseDefinition;
  return answerRest(call, definition, 0, infoOf(call, requests));
};

const answerBidi: RawHandler = async (call) => {
  const { timeoutMs } = call;
  let requests: Any[] = [];
  let definition: StreamResponseDefinition | undefined;
  let fullDuplex = false;
  let sent = 0;
  const takeInfo = (): ConformancePayload_RequestInfo => {
    const info =
      sent === 0
        ? infoOf({ metadata: call.metadata, timeoutMs }, requests)
        : create(ConformancePayload_RequestInfoSchema, { requests: [...requests] });
    requests = [];
    return info;
  };
  for await (const bytes of call.requests) {
    requests.push(anyOf(bidiStream.input.typeName, bytes) as Any);
    if (definition === undefined) {
      const first = fromBinary(BidiStreamRequestSchema, bytes);
      ({ fullDuplex } = first);
      definition = first.responseDefinition;
      if (fullDuplex) sendHeaders(call, fieldsFrom(definition?.responseHeaders ?? []));
    }
    if (!fullDuplex) continue;
    const data = definition?.responseData[sent];
    if (data === undefined) break;
    await sleep(definition?.responseDelayMs ?? 0);
    await send(call, { data, requestInfo: takeInfo() });
    sent += 1;
  }
  return answerRest(call, definition, sent, takeInfo(), fullDuplex);
};

/** Sends what was not sent yet: the first message with what arrived. */
async function answerRest(
  call: RawCall,
  definition: StreamResponseDefinition | undefined,
  sent: number,
  info: ConformancePayload_RequestInfo,
  headersSent = false,
): Promise<Ending> {
  if (!headersSent) sendHeaders(call, fieldsFrom(definition?.responseHeaders ?? []));
  const { responseData = [], responseDelayMs = 0, error, responseTrailers = [] } = definition ?? {};
  for (const [index, data] of responseData.slice(sent).entries()) {
    await sleep(responseDelayMs);
    await send(call, sent + index === 0 ? { data, requestInfo: info } : { data });
  }
  const trailers = fieldsFrom(responseTrailers);
  if (error === undefined) return { trailers };
  return failed(error, trailers, responseData.length === 0 ? info : undefined);
}

function sendHeaders(call: RawCall, fields: readonly Field[]): void {
  if (fields.length > 0) call.sendHeaders(fields);
}

function send(call: RawCall, payload: MessageInitShape<typeof UnaryResponseSchema>["payload"]): Promise<void> {
  return call.send(toBinary(UnaryResponseSchema, create(UnaryResponseSchema, { payload })));
}

function infoOf(call: Pick<RawCall, "metadata" | "timeoutMs">, requests: Any[]): ConformancePayload_RequestInfo {
  const { timeoutMs } = call;
  return create(ConformancePayload_RequestInfoSchema, {
    requestHeaders: headersFrom(call.metadata),
    requests: [...requests],
    ...(timeoutMs !== undefined && { timeoutMs: BigInt(Math.round(timeoutMs)) }),
  });
}

/** Ends a call with an error, whose details have the request as long as no message had it. */
function failed(
  { code, message = "", details }: RpcError,
  trailers: readonly Field[],
  info: ConformancePayload_RequestInfo | undefined,
): Ending {
  const all = info ? [...details, anyPack(ConformancePayload_RequestInfoSchema, info)] : details;
  const status = toBinary(StatusSchema, create(StatusSchema, { code, message, details: all }));
  return { error: { code, message }, trailers: [...trailers, ["grpc-status-details-bin", status]] };
}

/** The service that connectconformance calls; only `Unimplemented` is not there. */
export const conformanceService = {
  service: ConformanceService,
  handlers: {
    [unary.name]: answerOnce(unary),
    [idempotentUnary.name]: answerOnce(idempotentUnary),
    [clientStream.name]: answerOnce(clientStream),
    [serverStream.name]: answerStream,
    [bidiStream.name]: answerBidi,
  },
};
