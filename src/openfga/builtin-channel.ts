import type { DescMethod } from "@bufbuild/protobuf";
import { parseHostPort } from "../domain/host-port.js";
import { GrpcClient } from "../transport/grpc/client.js";
import { ClientCall, type ClientCallOptions } from "../transport/grpc/client-call.js";
import type { ClientMethod } from "../transport/grpc/client-method.js";
import { ServerStreamCall } from "../transport/grpc/server-stream-call.js";
import {
  type Channel,
  type ChannelOptions,
  pathOf,
  type Refused,
  type Reply,
  refused,
  type StreamOptions,
} from "./channel.js";

/** Sends calls by our own gRPC. */
export class BuiltinChannel implements Channel {
  readonly #client: GrpcClient;
  readonly #methods = new Map<DescMethod, ClientMethod>();

  constructor({ addresses, tls, apiKey, onDefect }: ChannelOptions) {
    this.#client = new GrpcClient({
      targets: addresses.map((address) => {
        const parsed = parseHostPort(address);
        if (!parsed.ok) throw new Error(`an address of OpenFGA ${parsed.problem}`);
        return parsed.value;
      }),
      ...(tls && { tls: {} }),
      // Sending a key in plaintext is the operator's explicit choice, `tls: false`.
      metadata: [
        ["user-agent", "patwarden"],
        ...(apiKey !== undefined ? [["authorization", `Bearer ${apiKey}`] as const] : []),
      ],
      failed: (thrown) => onDefect?.(thrown),
    });
  }

  unary<T>(method: DescMethod, request: Buffer, decode: (answer: Buffer) => T, giveUpAt: number): Promise<Reply<T>> {
    return new Promise((resolve) => {
      const options = { method: this.#methodOf(method), request, deadline: giveUpAt };
      this.#client.start(new UnaryCall(options, decode, resolve));
    });
  }

  async *stream(
    method: DescMethod,
    request: Buffer,
    { deadline, signal }: StreamOptions,
  ): AsyncGenerator<Buffer, Refused | undefined> {
    const call = new ServerStreamCall({ method: this.#methodOf(method), request, deadline });
    const cancel = (): void => call.cancel();
    this.#client.start(call);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
    try {
      for (let message = await call.next(); message; message = await call.next()) yield message;
      return call.isComplete ? undefined : refused(call.code, call.text, deadline, signal);
    } finally {
      signal?.removeEventListener("abort", cancel);
      call.leave();
    }
  }

  close(): void {
    this.#client.close();
  }

  #methodOf(method: DescMethod): ClientMethod {
    const known = this.#methods.get(method);
    if (known) return known;
    const made = this.#client.method(pathOf(method), { streams: method.methodKind === "server_streaming" });
    this.#methods.set(method, made);
    return made;
  }
}

class UnaryCall<T> extends ClientCall {
  readonly #decode: (answer: Buffer) => T;
  readonly #resolve: (reply: Reply<T>) => void;
  /** Set once the whole answer has arrived, with status 0. */
  #reply: Reply<T> | undefined = undefined;

  constructor(options: ClientCallOptions, decode: (answer: Buffer) => T, resolve: (reply: Reply<T>) => void) {
    super(options);
    this.#decode = decode;
    this.#resolve = resolve;
  }

  protected onMessage(message: Buffer): void {
    try {
      this.#reply = { ok: true, value: this.#decode(message) };
    } catch {
      this.#reply = refused(internal, "the answer cannot be decoded", this.expiresAt);
    }
  }

  protected onEnd(code: number, text: string): void {
    this.#resolve(
      code === 0 && this.#reply ? this.#reply : refused(code === 0 ? internal : code, text, this.expiresAt),
    );
  }
}

const internal = 13;
