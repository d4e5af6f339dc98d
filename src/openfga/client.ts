import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

export interface OpenFgaClientOptions {
  /** `host:port`, at least one. With several, calls go to those that answer. */
  readonly addresses: readonly string[];
  readonly tls: boolean;
  /** Preshared key; undefined when OpenFGA needs none. */
  readonly apiKey: string | undefined;
  /** The longest time of any call, milliseconds: without it some calls would never end. */
  readonly timeoutMs: number;
}

/** The reply to a call. Numbers from 1000 upwards are OpenFGA's own codes and not gRPC's. */
export type Reply<T> = { readonly ok: true; readonly value: T } | Refused;

export interface Refused {
  readonly ok: false;
  readonly code: number;
  readonly details: string;
  /** By our own clock: the number alone is not enough (1, 4, 2058 and 4004 were all seen). */
  readonly deadlinePassed: boolean;
  readonly cancelled: boolean;
}

export interface CallOptions {
  /** Instant of `performance.now()` at which the call ends, unless its time-out is earlier. */
  readonly deadline?: number;
}

export interface StreamOptions {
  /** Instant of `performance.now()` at which the call ends. */
  readonly deadline: number;
  /** Ends the call when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** OpenFGA over one grpc-js channel. Every call has a deadline; no call rejects, not even after `close`. */
export class OpenFgaClient {
  /** The longest time of any call, milliseconds. */
  readonly timeoutMs: number;
  readonly #client: grpc.Client;
  readonly #metadata = new grpc.Metadata();
  #closed = false;

  constructor({ addresses, tls, apiKey, timeoutMs }: OpenFgaClientOptions) {
    // Sending a key in plaintext is the operator's explicit choice, `tls: false`.
    const credentials = tls ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
    this.#client = new grpc.Client(target(addresses), credentials, {
      "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      // With the defaults, the client avoids a server that is back for another seven seconds (measured).
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 500,
      "grpc.enable_channelz": 0,
      // Only the permission checker retries, not the channel.
      "grpc.enable_retries": 0,
      "grpc.use_local_subchannel_pool": 1,
      // http_proxy of the environment is meant for the web; such a proxy cannot reach our loopback.
      "grpc.enable_http_proxy": 0,
    });
    if (apiKey !== undefined) this.#metadata.set("authorization", `Bearer ${apiKey}`);
    this.timeoutMs = timeoutMs;
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<Reply<MessageShape<O>>> {
    const bytes = toBuffer(toBinary(method.input, create(method.input, request)));
    return this.exchange(method, bytes, (answer) => fromBinary(method.output, answer), options);
  }

  /** The same, with messages that the caller encodes and decodes. */
  exchange<O extends DescMessage>(
    method: DescMethodUnary<DescMessage, O>,
    request: Buffer,
    decode: (answer: Buffer) => MessageShape<O>,
    { deadline }: CallOptions = {},
  ): Promise<Reply<MessageShape<O>>> {
    const now = performance.now();
    const giveUpAt = Math.min(now + this.timeoutMs, deadline ?? Number.POSITIVE_INFINITY);
    // grpc-js would throw here.
    if (this.#closed) return Promise.resolve(closedReply);
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        pathOf(method),
        asIs,
        decode,
        request,
        this.#metadata,
        { deadline: wallTime(giveUpAt) },
        (error, value) => resolve(!error && value ? { ok: true, value } : refused(error, giveUpAt)),
      );
    });
  }

  /**
   * Yields messages as they arrive. Returns how the call ended: undefined when it ended well. A reader that stops early
   * ends the call.
   */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    { deadline, signal }: StreamOptions,
  ): AsyncGenerator<MessageShape<O>, Refused | undefined> {
    if (this.#closed) return closedReply;
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      asIs,
      (bytes: Buffer) => fromBinary(method.output, bytes),
      toBuffer(toBinary(method.input, create(method.input, request))),
      this.#metadata,
      { deadline: wallTime(deadline) },
    );
    const cancel = (): void => call.cancel();
    // Cancelling emits an error, and nobody else may listen to it by then.
    call.on("error", () => undefined);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
    try {
      for await (const message of call) yield message as MessageShape<O>; // the deserializer returns no other type
      return undefined;
    } catch (error) {
      // A call fails with no other error.
      return refused(error as grpc.ServiceError, deadline, signal);
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Converts an instant of `performance.now()` to wall-clock time. */
function wallTime(instant: number): number {
  return Date.now() + Math.max(0, instant - performance.now());
}

function refused(error: grpc.ServiceError | null, giveUpAt: number, signal?: AbortSignal): Refused {
  return {
    ok: false,
    code: error?.code ?? grpc.status.UNKNOWN,
    details: error?.details ?? "",
    // The two clocks may differ by a millisecond.
    deadlinePassed: performance.now() >= giveUpAt - 1,
    cancelled: signal?.aborted ?? false,
  };
}

const asIs = (bytes: Buffer): Buffer => bytes;

const closedReply: Refused = {
  ok: false,
  code: grpc.status.UNAVAILABLE,
  details: "the client is closed",
  deadlinePassed: false,
  cancelled: false,
};

function target(addresses: readonly string[]): string {
  const [first] = addresses;
  if (first === undefined) throw new Error("no address of OpenFGA");
  if (addresses.length === 1) return first;
  // One channel accepts only a list of literal addresses.
  return addresses.every((address) => address.startsWith("["))
    ? `ipv6:${addresses.join(",")}`
    : `ipv4:${addresses.join(",")}`;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
