// The client that connectconformance starts: `--engine NAME`. It reads one call after the other, makes each as it is
// told to, and says how it ended.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";
import { delimited, fieldsFrom, headersFrom, withLength } from "./conformance-messages.js";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  ClientCompatResponseSchema,
  type ClientResponseResultSchema,
  Compression,
  ConformanceService,
  StreamType,
  UnaryResponseSchema,
} from "./gen/connectrpc/conformance/v1/conformance_pb.js";
import { openRawCall, type RawAnswer } from "./raw-client.js";
import { engineNamed } from "./raw-server.js";

const { values } = parseArgs({ options: { engine: { type: "string" } } });
const engine = engineNamed(values.engine);

/** The most calls at a time: with more, the suite sees deadlines that have shrunk while they waited for their turn. */
const width = 8;

const running = new Set<Promise<void>>();
for await (const bytes of delimited(process.stdin)) {
  const call: Promise<void> = report(fromBinary(ClientCompatRequestSchema, bytes)).then(
    () => void running.delete(call),
  );
  running.add(call);
  if (running.size >= width) await Promise.race(running);
}

async function report(request: ClientCompatRequest): Promise<void> {
  let result: MessageInitShape<typeof ClientCompatResponseSchema>["result"];
  try {
    result = { case: "response", value: resultOf(await makeCall(request)) };
  } catch (error) {
    result = { case: "error", value: { message: String(error) } };
  }
  const response = create(ClientCompatResponseSchema, { testName: request.testName, result });
  process.stdout.write(withLength(toBinary(ClientCompatResponseSchema, response)));
}

async function makeCall(request: ClientCompatRequest): Promise<RawAnswer> {
  const { host, port, serverTlsCert, clientTlsCreds, requestMessages, requestDelayMs, timeoutMs } = request;
  const method = ConformanceService.methods.find(({ name }) => name === request.method);
  if (method === undefined) throw new Error(`no method ${request.method}`);
  const credentials = clientTlsCreds && {
    cert: Buffer.from(clientTlsCreds.cert),
    key: Buffer.from(clientTlsCreds.key),
  };
  const tls = serverTlsCert.length > 0 ? { ca: Buffer.from(serverTlsCert), ...credentials } : undefined;
  const receiveLimit = request.messageReceiveLimit === 0 ? 4 << 20 : request.messageReceiveLimit;
  const call = openRawCall(
    engine,
    { host, port, tls, receiveLimit },
    {
      method,
      metadata: fieldsFrom(request.requestHeaders),
      timeoutMs,
      gzip: request.compression === Compression.GZIP,
    },
  );
  const timing = request.cancel && (request.cancel.cancelTiming.case ?? "afterCloseSendMs");
  const cancelAt = Number(request.cancel?.cancelTiming.value ?? 0);
  if (timing === "afterNumResponses") void call.received(cancelAt).then(() => call.cancel());
  for (const [index, { value }] of requestMessages.entries()) {
    await sleep(requestDelayMs);
    call.send(value);
    if (request.streamType === StreamType.FULL_DUPLEX_BIDI_STREAM) await call.received(index + 1);
  }
  if (timing === "beforeCloseSend") call.cancel();
  call.closeSend();
  if (timing === "afterCloseSendMs") void sleep(cancelAt).then(() => call.cancel());
  return call.answer;
}

function resultOf({
  headers,
  messages,
  error,
  trailers,
}: RawAnswer): MessageInitShape<typeof ClientResponseResultSchema> {
  const details = trailers.find(([name]) => name === "grpc-status-details-bin")?.[1];
  return {
    responseHeaders: headersFrom(headers),
    // The answers of all methods have their payload in field 1.
    payloads: messages.map((bytes) => fromBinary(UnaryResponseSchema, bytes).payload ?? {}),
    ...(error && {
      error: {
        ...error,
        details: details instanceof Uint8Array ? fromBinary(StatusSchema, details).details : [],
      },
    }),
    responseTrailers: headersFrom(trailers),
  };
}
