import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  clone,
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  isMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { fromServiceError, PatwardenError } from "./errors.js";
import { AuditService } from "./gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "./gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "./gen/patwarden/v1/policy_pb.js";
import { SelfService } from "./gen/patwarden/v1/self_pb.js";
import { SubjectService } from "./gen/patwarden/v1/subject_pb.js";
import { CreateTokenRequestSchema, RotateTokenRequestSchema, TokenService } from "./gen/patwarden/v1/token_pb.js";
import { UsageService } from "./gen/patwarden/v1/usage_pb.js";
import {
  type ClientOptions,
  credentialsOf,
  isPlaintext,
  keyReader,
  requireEndpoint,
  requireSendable,
} from "./options.js";
import { maxAttempts, RetryBudget, retryDelayMs } from "./retry.js";
import { version } from "./version.js";
import { cancelled, onAbort, type Patience, within } from "./waiter.js";

/** Options of every call. */
export interface CallOptions {
  /**
   * The longest time that the caller waits, milliseconds, over all attempts. Default: 1,000 for Check, BatchCheck and
   * Introspect, 10,000 for other calls, no limit for streams. `Infinity`: no limit.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the call with CANCELLED; the cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws TypeError if the time-out is not a number. */
export function patienceOf({ timeoutMs, signal }: CallOptions, defaultTimeoutMs: number): Patience {
  const timeout = timeoutMs ?? defaultTimeoutMs;
  if (typeof timeout !== "number" || Number.isNaN(timeout)) throw new TypeError("timeoutMs must be a number");
  return { deadline: Date.now() + timeout, signal };
}

/** One call of the channel. */
export interface Call extends Patience {
  /** The access token of the user that a service acts for. */
  readonly userToken?: string | undefined;
}

const channelOptions = {
  "grpc.primary_user_agent": `patwarden-typescript/${version}`,
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  // Otherwise a DNS TXT record could replace it.
  "grpc.service_config_disable_resolution": 1,
  // By default gRPC waits up to two minutes before it reconnects.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // Detects a dead connection that was never closed.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  // Channelz leaks memory (grpc-node#2068).
  "grpc.enable_channelz": 0,
} as const;

/** An HTTP proxy could read the key. */
const plaintextOptions = { "grpc.enable_http_proxy": 0 } as const;

/**
 * Methods that are safe to retry: reads, changes that are the same when made twice, and those that the server
 * recognizes by the `request_id` that
 * `withRequestId` fills in.
 */
const repeatable: ReadonlySet<DescMethod> = new Set<DescMethod>([
  ...AuthorizationService.methods,
  TokenService.method.getToken,
  TokenService.method.listTokens,
  TokenService.method.getTokenSummary,
  TokenService.method.revokeToken,
  TokenService.method.revokeTokens,
  TokenService.method.revokeSecret,
  TokenService.method.createToken,
  TokenService.method.rotateToken,
  SubjectService.method.getSubject,
  SubjectService.method.listSubjects,
  PolicyService.method.getPolicy,
  AuditService.method.listAuditEvents,
  UsageService.method.queryUsage,
  ...SelfService.methods,
]);

/**
 * The connection to the server: adds the credential, keeps deadlines, types errors, and retries UNAVAILABLE where that
 * is safe. It does not leave retries to gRPC's service config, because the items of a batch follow the same rules and
 * share the same budget.
 */
export class Channel {
  readonly budget = new RetryBudget();
  readonly #client: Client;
  readonly #readKey: () => string | Promise<string>;
  #closed = false;

  constructor(options: ClientOptions) {
    this.#readKey = keyReader(options.key);
    this.#client = new Client(requireEndpoint(options.endpoint), credentialsOf(options), {
      ...channelOptions,
      ...(isPlaintext(options) && plaintextOptions),
    });
  }

  /** Lets running calls finish; new ones fail with CANCELLED. */
  close(): void {
    this.#closed = true;
    this.#client.close();
  }

  /** Rejects with PatwardenError, or with another error if the request cannot be encoded. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    call: Call,
  ): Promise<MessageShape<O>> {
    const bytes = encode(method.input, request);
    return this.#repeated(method, call, () => this.#attempt(method, bytes, call));
  }

  /** As `unary`, without retries. */
  async unaryOnce<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    call: Call,
  ): Promise<MessageShape<O>> {
    return this.#attempt(method, encode(method.input, request), call);
  }

  /**
   * Resolves with the first message or the end, and retries as `unary` does until then. Later failures make the
   * iteration throw. Returning from the iteration cancels the call.
   */
  async serverStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    call: Call,
  ): Promise<AsyncIterableIterator<MessageShape<O>, undefined>> {
    const bytes = encode(method.input, request);
    return this.#repeated(method, call, async () => {
      const messages = this.#messages(method, bytes, call);
      return startingWith(await messages.next(), messages);
    });
  }

  async #repeated<T>(method: DescMethod, call: Call, attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count++) {
      try {
        const result = await attempt();
        this.budget.succeeded();
        return result;
      } catch (error) {
        if (!repeatable.has(method) || !isUnavailable(error)) throw error;
        const delay = retryDelayMs(count);
        if (!this.budget.failed() || count === maxAttempts || Date.now() + delay >= call.deadline) throw error;
        await within(sleep(delay), call);
      }
    }
  }

  async #attempt<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: Buffer,
    call: Call,
  ): Promise<MessageShape<O>> {
    const metadata = await this.#metadata(call);
    const { deadline, signal } = call;
    return new Promise((resolve, reject) => {
      let headers: Metadata | undefined;
      const running = this.#client.makeUnaryRequest(
        pathOf(method),
        asBytes,
        (bytes) => fromBinary(method.output, bytes),
        request,
        metadata,
        { deadline },
        (error, reply) => {
          unwatch?.();
          if (error) reject(signal?.aborted ? cancelled(signal) : fromServiceError(error, headers));
          else if (reply) resolve(reply);
          else reject(new PatwardenError({ code: "INTERNAL", text: "a reply without a message" }));
        },
      );
      running.on("metadata", (received: Metadata) => {
        headers = received;
      });
      const unwatch = signal && onAbort(signal, () => running.cancel());
    });
  }

  async *#messages<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: Buffer,
    call: Call,
  ): AsyncGenerator<MessageShape<O>, undefined> {
    const metadata = await this.#metadata(call);
    const { deadline, signal } = call;
    const stream = this.#client.makeServerStreamRequest(
      pathOf(method),
      asBytes,
      (bytes) => fromBinary(method.output, bytes),
      request,
      metadata,
      { deadline },
    );
    let headers: Metadata | undefined;
    stream.on("metadata", (received: Metadata) => {
      headers = received;
    });
    // A cancellation after the end of the iteration is nobody's failure.
    stream.on("error", () => undefined);
    const unwatch = signal && onAbort(signal, () => stream.cancel());
    try {
      yield* stream;
    } catch (error) {
      if (signal?.aborted) throw cancelled(signal);
      throw fromServiceError(error as ServiceError, headers); // a stream of grpc-js fails with no other
    } finally {
      unwatch?.();
      stream.cancel();
    }
    return undefined;
  }

  /** Throws if the call must not be sent. */
  async #metadata(call: Call): Promise<Metadata> {
    this.#requireWanted(call);
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${await this.#key(call)}`);
    if (call.userToken !== undefined) {
      metadata.set("patwarden-user-authorization", `Bearer ${requireSendable(call.userToken, "userToken")}`);
    }
    this.#requireWanted(call);
    return metadata;
  }

  async #key(patience: Patience): Promise<string> {
    const key = this.#readKey();
    return typeof key === "string" ? key : within(key.catch(noKey), patience);
  }

  #requireWanted({ signal }: Call): void {
    if (this.#closed) throw closed();
    if (signal?.aborted) throw cancelled(signal);
  }
}

function noKey(cause: unknown): never {
  throw new PatwardenError({
    code: "UNAUTHENTICATED",
    text: "the function for the service key failed or returned no valid key",
    cause,
  });
}

export function closed(): PatwardenError {
  return new PatwardenError({ code: "CANCELLED", text: "the client is closed" });
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof PatwardenError && error.code === "UNAVAILABLE";
}

/** Puts `first` back in front of `rest`. */
function startingWith<T>(
  first: IteratorResult<T, undefined>,
  rest: AsyncGenerator<T, undefined>,
): AsyncIterableIterator<T, undefined> {
  let taken: IteratorResult<T, undefined> | undefined = first;
  return {
    async next() {
      const result = taken ?? (await rest.next());
      taken = undefined;
      return result;
    },
    async return() {
      taken = undefined;
      return rest.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function encode(desc: DescMessage, request: MessageInitShape<DescMessage>): Buffer {
  const bytes = toBinary(desc, withRequestId(create(desc, request)));
  // grpc-js calls Buffer's copy(); a view costs nothing.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns a copy with a `request_id` if the message can have one and has none. */
function withRequestId(message: Message): Message {
  for (const desc of [CreateTokenRequestSchema, RotateTokenRequestSchema]) {
    if (isMessage(message, desc) && message.requestId === "") {
      return Object.assign(clone(desc, message), { requestId: randomUUID() });
    }
  }
  return message;
}

function asBytes(bytes: Buffer): Buffer {
  return bytes;
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}
