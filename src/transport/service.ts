import { randomUUID } from "node:crypto";
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Awaitable } from "../domain/awaitable.js";
import { maxCredentialHeader } from "../domain/bearer.js";
import { Failure } from "../domain/errors.js";
import type { Address } from "../domain/network.js";
import type { StatusError } from "./status.js";

// Maps of messages are plain objects, so a label named `__proto__` would be lost silently. Without the accessor, which
// nothing needs (`node --disable-proto=delete`), it is a key like any other.
Reflect.deleteProperty(Object.prototype, "__proto__");

/** Everything that a handler can see of the transport. */
export interface CallContext {
  /** Full name, `patwarden.v1.AuthorizationService/Check`. */
  readonly method: string;
  readonly transport: "grpc" | "connect";
  /** The caller's `x-request-id` when it is 1 to 64 of `A-Z a-z 0-9 _ . -`; otherwise a UUID, made at first read. */
  readonly requestId: string;
  /**
   * The address of the peer of the connection, an unwrapped IPv4 or an IPv6 address. With a proxy in between, it is the
   * proxy's address, unless the proxy is trusted to name the caller's. Undefined means not known; then no network range
   * matches. Each reading costs time.
   */
  readonly address: Address | undefined;
  /**
   * The name in the client's verified certificate, see transport/client-certificate.ts; undefined when there is none.
   * Each reading costs time.
   */
  readonly clientName: string | undefined;
  /** The caller's name, as in audit events. Set for management calls once the caller is authenticated. */
  actor?: string;
  /** `performance.now()` when the request had been read. */
  readonly startTime: number;
  /** Instant of `performance.now()` after which the caller no longer waits. Absent: the caller set no deadline. */
  readonly deadline?: number | undefined;
  /**
   * Aborted when the caller has gone, its deadline has passed or the server closes. Handlers that wait must watch it;
   * otherwise they outlive their call. Made on first access: most calls never need one. Do not read it after the
   * handler has returned.
   */
  readonly signal: AbortSignal;
  /**
   * Whether the call is over: answered, or `signal` is aborted. Costs nothing; for polling. Use `signal` for waiting.
   */
  readonly cancelled: boolean;
  /**
   * Returns a request header by lower-case name. Of repeated ones: the first over gRPC, all joined by commas over HTTP.
   */
  header(name: string): string | undefined;
  /** Sets a response header; streams must do so before their first message. */
  setHeader(name: string, value: string): void;
}

/** Called once when a call has ended, with its error, or undefined for success. Must not throw. */
export type OnCallEnd = (call: CallContext, error: StatusError | undefined) => void;

/** Implements a method: it answers, or throws a `Failure`. Callers get INTERNAL for anything else that it throws. */
export type Handler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: CallContext) => Awaitable<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: CallContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodBiDiStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: CallContext) => AsyncIterable<MessageInitShape<O>>
        : never;

/** A handler for every method of a service. Client streaming is not supported: none of our services has it. */
export type Handlers<S extends DescService> = { readonly [K in keyof S["method"]]: Handler<S["method"][K]> };

/** A method with its handler, without its message types: the form that transports mount. */
export type Operation =
  | {
      readonly kind: "unary";
      readonly method: DescMethodUnary;
      readonly handle: UnaryHandler;
      /** Faster than protobuf-es for most messages of this method. */
      readonly codec?: MessageCodec;
    }
  | {
      readonly kind: "server_streaming";
      readonly method: DescMethodServerStreaming;
      readonly handle: ServerStreamHandler;
    }
  | { readonly kind: "bidi_streaming"; readonly method: DescMethodBiDiStreaming; readonly handle: BidiStreamHandler };

/** Reads requests and writes responses of one method. Returns undefined for a message that is left to protobuf-es. */
export interface MessageCodec {
  readonly decode: (request: Buffer) => Message | undefined;
  readonly encode: (response: Message) => Buffer | undefined;
}

/** A message, or the input of `create` for one. */
export type Outgoing = MessageInitShape<DescMessage>;

type UnaryHandler = (request: Message, call: CallContext) => Awaitable<Outgoing>;
type ServerStreamHandler = (request: Message, call: CallContext) => AsyncIterable<Outgoing>;
type BidiStreamHandler = (requests: AsyncIterable<Message>, call: CallContext) => AsyncIterable<Outgoing>;

/** A service that can be mounted on any transport. */
export interface Implementation {
  readonly service: DescService;
  readonly operations: readonly Operation[];
}

export function implement<S extends DescService>(service: S, handlers: Handlers<S>): Implementation {
  return { service, operations: service.methods.map((method) => operationOf(method, handlers)) };
}

/** Returns the same service with these codecs for its unary methods. */
export function withCodecs(
  { service, operations }: Implementation,
  codecs: ReadonlyMap<DescMethod, MessageCodec>,
): Implementation {
  return {
    service,
    operations: operations.map((operation) => {
      const codec = codecs.get(operation.method);
      return codec && operation.kind === "unary" ? { ...operation, codec } : operation;
    }),
  };
}

function operationOf(method: DescMethod, handlers: object): Operation {
  // Handlers<S> has one entry for each method, with types of the same descriptor that is read here.
  const handle: unknown = (handlers as Readonly<Record<string, unknown>>)[method.localName];
  if (typeof handle !== "function" || method.methodKind === "client_streaming") {
    throw new Error(`${methodName(method)} has no handler`);
  }
  return { kind: method.methodKind, method, handle } as Operation; // both are from this descriptor
}

/** `package.Service/Method`. */
export function methodName(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** The request and response header that identifies a call in logs. */
export const requestIdHeader = "x-request-id";

/** Returns the id that a caller sent, when it can be logged unchanged; otherwise a new one. */
export function requestIdFrom(header: string | undefined): string {
  return header !== undefined && /^[A-Za-z0-9_.-]{1,64}$/.test(header) ? header : randomUUID();
}

/**
 * Refuses a call with two credentials, of which a proxy and we might each use another one, or with one that is too
 * long. The error says which; it does not show whether a credential is known.
 */
export function refuseOddAuthorization(values: readonly { readonly length: number }[]): void {
  const [first] = values;
  if (first === undefined || (values.length === 1 && first.length <= maxCredentialHeader)) return;
  const problem =
    values.length > 1
      ? "there is more than one authorization header"
      : `the authorization header has more than ${maxCredentialHeader} characters`;
  throw new Failure("CALLER_UNAUTHENTICATED", { metadata: { problem } });
}

/**
 * Returns the error for a request that could not be decoded. It has one fixed text and no cause: a decoder's message
 * may repeat input, and so a secret.
 */
export function undecodable(): Failure {
  return new Failure("INVALID_FIELD", {
    violations: [{ field: "", description: "the message cannot be decoded as its type" }],
  });
}

/** The largest sizes of one message, bytes: a full BatchCheck and the longest list fit. */
export const messageLimits = { receive: 256 * 1024, send: 4 * 1024 * 1024 } as const;

/** The most streams that one connection may have open at a time. */
export const maxConcurrentStreams = 250;
