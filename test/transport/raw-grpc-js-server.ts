import { once } from "node:events";
import type { DescMethod } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { Ending, Field, RawCall, RawHandler, RawServer, RawServerOptions } from "./raw-server.js";

const asBytes = (bytes: Buffer): Buffer => bytes;

const unlimited = -1;

/** Serves one service by grpc-js. */
export function startGrpcJsServer({ service, handlers, receiveLimit, tls }: RawServerOptions): Promise<RawServer> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": receiveLimit,
    "grpc.max_send_message_length": unlimited,
  });
  for (const method of service.methods) {
    const handler = handlers[method.name];
    if (handler) register(server, method, handler);
  }
  const credentials = tls
    ? grpc.ServerCredentials.createSsl(
        tls.clientCa ?? null,
        [{ cert_chain: tls.cert, private_key: tls.key }],
        tls.clientCa !== undefined,
      )
    : grpc.ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
      if (error) reject(error);
      else resolve({ port, stop: () => server.forceShutdown() });
    });
  });
}

type Respond = grpc.sendUnaryData<Buffer>;
type Reader = grpc.ServerReadableStream<Buffer, Buffer>;
type Writer = grpc.ServerWritableStream<Buffer, Buffer>;
type Duplex = grpc.ServerDuplexStream<Buffer, Buffer>;

function register(server: grpc.Server, method: DescMethod, handler: RawHandler): void {
  const path = `/${method.parent.typeName}/${method.name}`;
  switch (method.methodKind) {
    case "unary": {
      const handle = (call: grpc.ServerUnaryCall<Buffer, Buffer>, respond: Respond) =>
        answerOnce(handler, call, oneMessage(call.request), respond);
      return void server.register(path, handle, asBytes, asBytes, "unary");
    }
    case "client_streaming": {
      const handle = (call: Reader, respond: Respond) => answerOnce(handler, call, messagesOf(call), respond);
      return void server.register(path, handle, asBytes, asBytes, "clientStream");
    }
    case "server_streaming": {
      const handle = (call: Writer) => answerOften(handler, call, oneMessage(call.request));
      return void server.register(path, handle, asBytes, asBytes, "serverStream");
    }
    case "bidi_streaming": {
      const handle = (call: Duplex) => answerOften(handler, call, messagesOf(call));
      return void server.register(path, handle, asBytes, asBytes, "bidi");
    }
  }
}

async function* oneMessage(message: Buffer): AsyncGenerator<Buffer> {
  yield message;
}

/** Leaves the stream open when a handler stops to read early: it still has to answer. */
function messagesOf(call: Reader | Duplex): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => call.iterator({ destroyOnReturn: false }) };
}

async function answerOnce(
  handler: RawHandler,
  call: grpc.ServerUnaryCall<Buffer, Buffer> | Reader,
  requests: AsyncIterable<Buffer>,
  respond: Respond,
): Promise<void> {
  let response: Buffer | null = null;
  const { error, trailers } = await run(handler, call, requests, async (message) => {
    response = Buffer.from(message);
  });
  if (error) respond({ code: error.code, details: error.message, metadata: metadataOf(trailers) });
  else respond(null, response, metadataOf(trailers));
}

async function answerOften(handler: RawHandler, call: Writer | Duplex, requests: AsyncIterable<Buffer>): Promise<void> {
  const { error, trailers } = await run(handler, call, requests, async (message) => {
    if (!call.write(Buffer.from(message))) await once(call, "drain");
  });
  if (error) call.emit("error", { code: error.code, details: error.message, metadata: metadataOf(trailers) });
  else call.end(metadataOf(trailers));
}

/** Runs the handler. What it throws becomes status 13. */
async function run(
  handler: RawHandler,
  call: grpc.ServerUnaryCall<Buffer, Buffer> | Reader | Writer | Duplex,
  requests: AsyncIterable<Buffer>,
  send: RawCall["send"],
): Promise<Ending> {
  const deadline = Number(call.getDeadline());
  try {
    return await handler({
      metadata: fieldsOf(call.metadata),
      timeoutMs: deadline === Number.POSITIVE_INFINITY ? undefined : deadline - Date.now(),
      requests,
      sendHeaders: (fields) => call.sendMetadata(metadataOf(fields)),
      send,
    });
  } catch (thrown) {
    return { error: { code: grpc.status.INTERNAL, message: String(thrown) }, trailers: [] };
  }
}

/** Returns metadata as fields, repeated ones in their order. */
export function fieldsOf(metadata: grpc.Metadata): readonly Field[] {
  return Object.keys(metadata.getMap()).flatMap((name) => metadata.get(name).map((value): Field => [name, value]));
}

export function metadataOf(fields: readonly Field[]): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of fields) metadata.add(name, typeof value === "string" ? value : Buffer.from(value));
  return metadata;
}
