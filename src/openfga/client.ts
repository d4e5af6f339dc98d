import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { CallOptions } from "./permission-checker.js";

export interface OpenFgaClientOptions {
  /** `host:port`, at least one. Of several, calls go to those that answer. */
  readonly addresses: readonly string[];
  readonly tls: boolean;
  /** Preshared key; undefined where OpenFGA asks for none. */
  readonly apiKey: string | undefined;
  /** Longest time of any call, milliseconds: some calls would never end without one. */
  readonly timeoutMs: number;
}

/** What came back; numbers from 1000 upwards are OpenFGA's own and not gRPC's. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly code: number;
      readonly details: string;
      /** By our own clock: the number alone does not tell (1, 4, 2058 and 4004 were all seen). */
      readonly deadlinePassed: boolean;
      readonly cancelled: boolean;
    };

export type Patience = Pick<CallOptions, "deadline" | "signal">;

/** OpenFGA over one grpc-js channel. Every call carries a deadline; none rejects, not even after `close`. */
export class OpenFgaClient {
  /** Longest time of any call, milliseconds. */
  readonly timeoutMs: number;
  readonly #client: grpc.Client;
  readonly #metadata = new grpc.Metadata();
  #closed = false;

  constructor({ addresses, tls, apiKey, timeoutMs }: OpenFgaClientOptions) {
    // Plaintext with a key is the operator's explicit `tls: false`.
    const credentials = tls ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
    this.#client = new grpc.Client(target(addresses), credentials, {
      "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      // The defaults stay away from a server that is back for seven seconds (measured).
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 500,
      "grpc.enable_channelz": 0,
      // One thing retries, and it is not the channel.
      "grpc.enable_retries": 0,
      "grpc.use_local_subchannel_pool": 1,
      // http_proxy of the environment is meant for the web; it cannot reach our loopback.
      "grpc.enable_http_proxy": 0,
    });
    if (apiKey !== undefined) this.#metadata.set("authorization", `Bearer ${apiKey}`);
    this.timeoutMs = timeoutMs;
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { deadline, signal }: Patience = {},
  ): Promise<Reply<MessageShape<O>>> {
    const now = performance.now();
    const giveUpAt = Math.min(now + this.timeoutMs, deadline ?? Number.POSITIVE_INFINITY);
    // grpc-js throws then.
    if (this.#closed) return Promise.resolve(closedReply);
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<I>) => toBuffer(toBinary(method.input, message)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request),
        this.#metadata,
        { deadline: Date.now() + Math.max(0, giveUpAt - now) },
        (error, value) => {
          signal?.removeEventListener("abort", cancel);
          if (!error && value) return resolve({ ok: true, value });
          resolve({
            ok: false,
            code: error?.code ?? grpc.status.UNKNOWN,
            details: error?.details ?? "",
            // The two clocks may differ by a millisecond.
            deadlinePassed: performance.now() >= giveUpAt - 1,
            cancelled: signal?.aborted ?? false,
          });
        },
      );
      const cancel = (): void => call.cancel();
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }
}

const closedReply: Reply<never> = {
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
  // Only lists of literal addresses can be given to one channel.
  return addresses.every((address) => address.startsWith("["))
    ? `ipv6:${addresses.join(",")}`
    : `ipv4:${addresses.join(",")}`;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
