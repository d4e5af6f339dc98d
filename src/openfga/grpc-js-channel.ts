import type { DescMethod } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  type Channel,
  type ChannelOptions,
  pathOf,
  type Refused,
  type Reply,
  refused,
  type StreamOptions,
} from "./channel.js";

/** Sends calls by the library of the gRPC project. */
export class GrpcJsChannel implements Channel {
  readonly #client: grpc.Client;
  readonly #metadata = new grpc.Metadata();

  constructor({ addresses, tls, apiKey }: ChannelOptions) {
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
  }

  unary<T>(method: DescMethod, request: Buffer, decode: (answer: Buffer) => T, giveUpAt: number): Promise<Reply<T>> {
    const options = { deadline: wallTime(giveUpAt) };
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(pathOf(method), asIs, decode, request, this.#metadata, options, (error, value) =>
        resolve(!error && value ? { ok: true, value } : refusedBy(error, giveUpAt)),
      );
    });
  }

  async *stream(
    method: DescMethod,
    request: Buffer,
    { deadline, signal }: StreamOptions,
  ): AsyncGenerator<Buffer, Refused | undefined> {
    const options = { deadline: wallTime(deadline) };
    const call = this.#client.makeServerStreamRequest(pathOf(method), asIs, asIs, request, this.#metadata, options);
    const cancel = (): void => call.cancel();
    // Cancelling emits an error, and nobody else may listen to it by then.
    call.on("error", () => undefined);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
    try {
      for await (const message of call) yield message as Buffer; // the deserializer returns no other type
      return undefined;
    } catch (error) {
      // A call fails with no other error.
      return refusedBy(error as grpc.ServiceError, deadline, signal);
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }

  close(): void {
    this.#client.close();
  }
}

/** Converts an instant of `performance.now()` to wall-clock time. */
function wallTime(instant: number): number {
  return Date.now() + Math.max(0, instant - performance.now());
}

function refusedBy(error: grpc.ServiceError | null, giveUpAt: number, signal?: AbortSignal): Refused {
  return refused(error?.code ?? grpc.status.UNKNOWN, error?.details ?? "", giveUpAt, signal);
}

const asIs = (bytes: Buffer): Buffer => bytes;

function target(addresses: readonly string[]): string {
  const [first] = addresses;
  if (first === undefined) throw new Error("no address of OpenFGA");
  if (addresses.length === 1) return first;
  // One channel accepts only a list of literal addresses.
  return addresses.every((address) => address.startsWith("["))
    ? `ipv6:${addresses.join(",")}`
    : `ipv4:${addresses.join(",")}`;
}
