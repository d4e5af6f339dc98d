import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { GrpcEngine } from "../domain/grpc-engine.js";
import { BuiltinChannel } from "./builtin-channel.js";
import type { Channel, ChannelOptions, Refused, Reply, StreamOptions } from "./channel.js";
import { GrpcJsChannel } from "./grpc-js-channel.js";

export interface OpenFgaClientOptions extends ChannelOptions {
  /** The implementation of gRPC. */
  readonly engine: GrpcEngine;
  /** The longest time of any call, milliseconds: without it some calls would never end. */
  readonly timeoutMs: number;
}

export interface CallOptions {
  /** Instant of `performance.now()` at which the call ends, unless its time-out is earlier. */
  readonly deadline?: number;
}

/** OpenFGA over gRPC. Every call has a deadline; no call rejects, not even after `close`. */
export class OpenFgaClient {
  /** The longest time of any call, milliseconds. */
  readonly timeoutMs: number;
  readonly #channel: Channel;
  #closed = false;

  constructor({ engine, timeoutMs, ...options }: OpenFgaClientOptions) {
    this.#channel = engine === "builtin" ? new BuiltinChannel(options) : new GrpcJsChannel(options);
    this.timeoutMs = timeoutMs;
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<Reply<MessageShape<O>>> {
    return this.exchange(method, encode(method, request), (answer) => fromBinary(method.output, answer), options);
  }

  /** The same, with messages that the caller encodes and decodes. */
  exchange<O extends DescMessage>(
    method: DescMethodUnary<DescMessage, O>,
    request: Buffer,
    decode: (answer: Buffer) => MessageShape<O>,
    { deadline = Number.POSITIVE_INFINITY }: CallOptions = {},
  ): Promise<Reply<MessageShape<O>>> {
    if (this.#closed) return Promise.resolve(closedReply);
    return this.#channel.unary(method, request, decode, Math.min(performance.now() + this.timeoutMs, deadline));
  }

  /**
   * Yields messages as they arrive. Returns how the call ended: undefined when it ended well. A reader that stops early
   * ends the call.
   */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: StreamOptions,
  ): AsyncGenerator<MessageShape<O>, Refused | undefined> {
    if (this.#closed) return closedReply;
    const messages = this.#channel.stream(method, encode(method, request), options);
    try {
      let next = await messages.next();
      for (; !next.done; next = await messages.next()) yield fromBinary(method.output, next.value);
      return next.value;
    } finally {
      await messages.return(undefined);
    }
  }

  close(): void {
    this.#closed = true;
    this.#channel.close();
  }
}

const unavailable = 14;

const closedReply: Refused = {
  ok: false,
  code: unavailable,
  details: "the client is closed",
  deadlinePassed: false,
  cancelled: false,
};

function encode<I extends DescMessage>(method: { readonly input: I }, request: MessageInitShape<I>): Buffer {
  const bytes = toBinary(method.input, create(method.input, request));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
