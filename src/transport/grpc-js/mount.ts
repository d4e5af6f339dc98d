import { once } from "node:events";
import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import {
  type handleUnaryCall,
  Metadata,
  type Server,
  type ServerDuplexStream,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import { decode, encode } from "../binary-messages.js";
import { type Implementation, methodName, type OnCallEnd, type Operation, type Outgoing } from "../service.js";
import { toGrpcStatus } from "../status.js";
import { GrpcCall } from "./call.js";

type UnaryOperation = Extract<Operation, { kind: "unary" }>;
type StreamOperation = Exclude<Operation, UnaryOperation>;
type GrpcStream = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/**
 * grpc-js passes bytes through: so a message that cannot be decoded or encoded becomes our own error and not its
 * INTERNAL without details.
 */
const asBytes = (bytes: Buffer): Buffer => bytes;

const grpcTypes = { unary: "unary", server_streaming: "serverStream", bidi_streaming: "bidi" } as const;

/** Registers every method with a grpc-js server. */
export function mountOnGrpc(server: Server, implementations: readonly Implementation[], onEnd?: OnCallEnd): void {
  for (const operation of implementations.flatMap(({ operations }) => operations)) {
    const path = `/${methodName(operation.method)}`;
    const handler = operation.kind === "unary" ? unaryHandler(operation, onEnd) : streamHandler(operation, onEnd);
    if (!server.register(path, handler, asBytes, asBytes, grpcTypes[operation.kind])) {
      throw new Error(`${path} is mounted twice`);
    }
  }
}

function unaryHandler(
  { method, handle, codec }: UnaryOperation,
  onEnd: OnCallEnd | undefined,
): handleUnaryCall<Buffer, Buffer> {
  const name = methodName(method);
  return async (surface, respond) => {
    const call = new GrpcCall(name, surface, onEnd);
    try {
      call.admit();
      const request = codec?.decode(surface.request) ?? decode(method.input, surface.request);
      const answer = handle(request, call);
      const response = create(method.output, answer instanceof Promise ? await answer : answer);
      const bytes = codec?.encode(response) ?? encode(method.output, response);
      if (!call.succeed()) return;
      call.sendHeaders();
      respond(null, bytes);
    } catch (thrown) {
      const error = call.fail(thrown);
      if (error) respond(toStatusObject(toGrpcStatus(error, call.requestId)));
    }
  };
}

function streamHandler(
  operation: StreamOperation,
  onEnd: OnCallEnd | undefined,
): (stream: GrpcStream) => Promise<void> {
  const name = methodName(operation.method);
  return async (stream) => {
    const call = new GrpcCall(name, stream, onEnd);
    let headersSent = false;
    try {
      call.admit();
      for await (const message of messagesOf(operation, stream, call)) {
        if (!headersSent) call.sendHeaders();
        headersSent = true;
        if (!stream.write(encode(operation.method.output, message))) {
          // Also ends when the caller has gone: nothing more is written then.
          await once(stream, "drain", { signal: call.signal });
        }
      }
      if (!call.succeed()) return;
      if (!headersSent) call.sendHeaders();
      stream.end();
    } catch (thrown) {
      const error = call.fail(thrown);
      if (error) stream.emit("error", toStatusObject(toGrpcStatus(error, call.requestId)));
    }
  };
}

function messagesOf(operation: StreamOperation, stream: GrpcStream, call: GrpcCall): AsyncIterable<Outgoing> {
  const { input } = operation.method;
  if ("request" in stream) {
    if (operation.kind === "server_streaming") return operation.handle(decode(input, stream.request), call);
  } else if (operation.kind === "bidi_streaming") {
    return operation.handle(decodeEach(input, stream), call);
  }
  throw new Error(`grpc-js called ${call.method} as another kind of method`);
}

async function* decodeEach(desc: DescMessage, stream: ServerDuplexStream<Buffer, Buffer>): AsyncGenerator<Message> {
  // The default iterator destroys the stream when a handler stops reading early, and the caller would wait forever.
  for await (const bytes of stream.iterator({ destroyOnReturn: false })) yield decode(desc, bytes);
}

/** grpc-js encodes binary values itself. */
function toStatusObject({ code, message, trailers }: ReturnType<typeof toGrpcStatus>) {
  const metadata = new Metadata();
  for (const [name, value] of trailers) {
    metadata.set(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return { code, details: message, metadata };
}
