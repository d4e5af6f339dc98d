import type { EventEmitter } from "node:events";
import * as grpc from "@grpc/grpc-js";
import type { RawAnswer, RawClientCall, RawRequest, RawTarget } from "./raw-client.js";
import { fieldsOf, metadataOf } from "./raw-grpc-js-server.js";
import type { Field } from "./raw-server.js";

const asBytes = (bytes: Buffer): Buffer => bytes;
const gzip = 2;

type AnyCall =
  | grpc.ClientUnaryCall
  | grpc.ClientReadableStream<Buffer>
  | grpc.ClientWritableStream<Buffer>
  | grpc.ClientDuplexStream<Buffer, Buffer>;

/** Begins a call by grpc-js. */
export function openGrpcJsCall({ host, port, tls, receiveLimit }: RawTarget, request: RawRequest): RawClientCall {
  const credentials = tls
    ? grpc.credentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null)
    : grpc.credentials.createInsecure();
  const client = new grpc.Client(`${host}:${port}`, credentials, {
    "grpc.max_receive_message_length": receiveLimit,
    "grpc.enable_retries": 0,
    // Else clients of one target share a connection, and with it the first one's options.
    "grpc.use_local_subchannel_pool": 1,
    ...(request.gzip && { "grpc.default_compression_algorithm": gzip }),
  });
  const { method, timeoutMs } = request;
  const path = `/${method.parent.typeName}/${method.name}`;
  const metadata = metadataOf(request.metadata);
  const options: grpc.CallOptions = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  let headers: readonly Field[] = [];
  const messages: Buffer[] = [];
  const waiting = new Set<() => void>();
  let cancelled = false;
  let call: AnyCall | undefined;
  let settle: (answer: RawAnswer) => void = () => undefined;
  const answer = new Promise<RawAnswer>((resolve) => {
    settle = resolve;
  });
  const tell = (): void => {
    for (const look of waiting) look();
  };
  let ended = false;
  const end = ({ code, details, metadata: trailers }: grpc.StatusObject): void => {
    if (ended) return;
    ended = true;
    const error = code === grpc.status.OK ? undefined : { code, message: details };
    settle({ headers, messages, error, trailers: fieldsOf(trailers) });
    client.close();
    tell();
  };
  const take = (message: Buffer): void => {
    messages.push(message);
    tell();
  };
  const watch = <Call extends AnyCall>(begun: Call): Call => {
    call = begun;
    (begun as EventEmitter).on("metadata", (received: grpc.Metadata) => {
      headers = fieldsOf(received);
    });
    if (cancelled) begun.cancel();
    return begun;
  };
  /** Takes a unary answer. Its error, which may be grpc-js's own, comes before the status. */
  const takeOne = (error: grpc.ServiceError | null, message?: Buffer): void => {
    if (message) take(message);
    if (error) end(error);
  };
  const watchOne = (begun: grpc.ClientUnaryCall | grpc.ClientWritableStream<Buffer>): void => {
    const emitter: EventEmitter = begun;
    emitter.on("status", end);
  };
  /** Takes each message. Those that arrived before the status may be shown after it. */
  const watchMany = (stream: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>): void => {
    let status: grpc.StatusObject | undefined;
    let drained = false;
    const endWhenBoth = (): void => {
      if (status && drained) end(status);
    };
    stream.on("data", take);
    stream.on("end", () => {
      drained = true;
      endWhenBoth();
    });
    stream.on("status", (received: grpc.StatusObject) => {
      status = received;
      endWhenBoth();
    });
    // The same as the status.
    stream.on("error", () => undefined);
  };
  const common = [path, asBytes, asBytes] as const;
  let pending: Buffer = Buffer.alloc(0);
  let send: RawClientCall["send"] = (message) => {
    pending = Buffer.from(message);
  };
  let closeSend: () => void;
  switch (method.methodKind) {
    case "unary":
      closeSend = () => watchOne(watch(client.makeUnaryRequest(...common, pending, metadata, options, takeOne)));
      break;
    case "server_streaming":
      closeSend = () => watchMany(watch(client.makeServerStreamRequest(...common, pending, metadata, options)));
      break;
    case "client_streaming": {
      const stream = watch(client.makeClientStreamRequest(...common, metadata, options, takeOne));
      watchOne(stream);
      send = (message) => void stream.write(Buffer.from(message));
      closeSend = () => void stream.end();
      break;
    }
    case "bidi_streaming": {
      const stream = watch(client.makeBidiStreamRequest(...common, metadata, options));
      watchMany(stream);
      send = (message) => void stream.write(Buffer.from(message));
      closeSend = () => void stream.end();
      break;
    }
  }
  return {
    send,
    closeSend,
    cancel() {
      cancelled = true;
      call?.cancel();
    },
    received: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (messages.length < count && !ended) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    answer,
  };
}
