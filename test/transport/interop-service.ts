import { setTimeout as sleep } from "node:timers/promises";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type EchoStatus,
  EmptySchema,
  type ResponseParameters,
  SimpleRequestSchema,
  SimpleResponseSchema,
  StreamingInputCallRequestSchema,
  StreamingInputCallResponseSchema,
  StreamingOutputCallRequestSchema,
  StreamingOutputCallResponseSchema,
  TestService,
} from "./gen/grpc/testing/testing_pb.js";
import type { Ending, Field, RawCall, RawHandler, RawServerOptions } from "./raw-server.js";

const initialEcho = "x-grpc-test-echo-initial";
const trailingEcho = "x-grpc-test-echo-trailing-bin";

function fieldsNamed(name: string, { metadata }: RawCall): readonly Field[] {
  return metadata.filter(([each]) => each === name);
}

/** Echoes metadata of a call, and answers by `answer`, which may return a status to end the call with. */
function echoing(answer: (call: RawCall) => Promise<EchoStatus | undefined>): RawHandler {
  return async (call): Promise<Ending> => {
    const headers = fieldsNamed(initialEcho, call);
    if (headers.length > 0) call.sendHeaders(headers);
    const status = await answer(call);
    const trailers = fieldsNamed(trailingEcho, call);
    return status === undefined || status.code === 0 ? { trailers } : { error: status, trailers };
  };
}

function send<D extends DescMessage>(call: RawCall, desc: D, message: MessageInitShape<D>): Promise<void> {
  return call.send(toBinary(desc, create(desc, message)));
}

async function sendEach(call: RawCall, parameters: readonly ResponseParameters[]): Promise<void> {
  for (const { size, intervalUs } of parameters) {
    if (intervalUs > 0) await sleep(intervalUs / 1_000);
    await send(call, StreamingOutputCallResponseSchema, { payload: { body: new Uint8Array(size) } });
  }
}

const handlers: Readonly<Record<string, RawHandler>> = {
  EmptyCall: echoing(async (call) => {
    await send(call, EmptySchema, {});
    return undefined;
  }),
  UnaryCall: echoing(async (call) => {
    for await (const bytes of call.requests) {
      const { responseSize, responseStatus } = fromBinary(SimpleRequestSchema, bytes);
      if (responseStatus !== undefined && responseStatus.code !== 0) return responseStatus;
      await send(call, SimpleResponseSchema, { payload: { body: new Uint8Array(responseSize) } });
    }
    return undefined;
  }),
  StreamingInputCall: echoing(async (call) => {
    let aggregatedPayloadSize = 0;
    for await (const bytes of call.requests) {
      aggregatedPayloadSize += fromBinary(StreamingInputCallRequestSchema, bytes).payload?.body.length ?? 0;
    }
    await send(call, StreamingInputCallResponseSchema, { aggregatedPayloadSize });
    return undefined;
  }),
  StreamingOutputCall: echoing(answerEach),
  FullDuplexCall: echoing(answerEach),
  HalfDuplexCall: echoing(async (call) => {
    const parameters: ResponseParameters[] = [];
    for await (const bytes of call.requests) {
      parameters.push(...fromBinary(StreamingOutputCallRequestSchema, bytes).responseParameters);
    }
    await sendEach(call, parameters);
    return undefined;
  }),
};

async function answerEach(call: RawCall): Promise<EchoStatus | undefined> {
  for await (const bytes of call.requests) {
    const { responseParameters, responseStatus } = fromBinary(StreamingOutputCallRequestSchema, bytes);
    if (responseStatus !== undefined && responseStatus.code !== 0) return responseStatus;
    await sendEach(call, responseParameters);
  }
  return undefined;
}

/** The service that gRPC's interop clients call. Its largest messages have 314 KB. */
export const interopService = { service: TestService, handlers, receiveLimit: 1 << 20 } satisfies RawServerOptions;
