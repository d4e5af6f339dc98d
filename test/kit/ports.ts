import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "#gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";

/** The result of a call, in the same form for both ports, so that one table of cases runs over each. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T; readonly headers: Readonly<Record<string, string>> }
  | {
      readonly ok: false;
      /** Canonical name, `INVALID_ARGUMENT`. */
      readonly code: string;
      readonly message: string;
      /** The reason of the one ErrorInfo; undefined when the transport itself refused. */
      readonly reason: string | undefined;
      readonly metadata: Readonly<Record<string, string>>;
      readonly fields: readonly string[];
      readonly descriptions: readonly string[];
      /** The exceeded limits of the PreconditionFailure. */
      readonly preconditions: readonly {
        readonly type: string;
        readonly subject: string;
        readonly description: string;
      }[];
      /** The delay of the RetryInfo; undefined without one. */
      readonly retryDelayMs: number | undefined;
    };

export type Failed = Extract<Reply<never>, { ok: false }>;

export interface CallSettings {
  /** Sent as `authorization: Bearer KEY`. Null: no header. Undefined: the port's own key. */
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** When the caller gives up, if the call has not ended; by gRPC only. */
  readonly cancelAfterMs?: number | undefined;
}

export interface Port {
  readonly name: "gRPC" | "HTTP";
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    settings?: CallSettings,
  ): Promise<Reply<MessageShape<O>>>;
  /** Returns all messages of a stream that ended well. */
  list<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    settings?: CallSettings,
  ): Promise<Reply<readonly MessageShape<O>[]>>;
  close(): void;
}

function headersOf(key: string, settings: CallSettings): Record<string, string> {
  const bearer = settings.key === undefined ? key : settings.key;
  return { ...(bearer !== null && { authorization: `Bearer ${bearer}` }), ...settings.headers };
}

/** Makes a real grpc-js client. Clients with the same `options` share a connection. */
export function grpcPort(
  address: string,
  key: string,
  credentials = grpc.credentials.createInsecure(),
  options: grpc.ClientOptions = {},
): Port {
  const client = new grpc.Client(address, credentials, options);
  const metadataOf = (settings: CallSettings): grpc.Metadata => {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headersOf(key, settings))) metadata.set(name, value);
    return metadata;
  };
  return {
    name: "gRPC",
    async list(method, request, settings = {}) {
      const stream = client.makeServerStreamRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<typeof method.input>) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        create(method.input, request),
        metadataOf(settings),
        { deadline: Date.now() + (settings.timeoutMs ?? 20_000) },
      );
      const messages: MessageShape<typeof method.output>[] = [];
      const patience = patienceWith(stream, settings);
      try {
        for await (const message of stream) messages.push(message);
        return { ok: true, value: messages, headers: {} };
      } catch (error) {
        return grpcFailure(error as grpc.ServiceError); // a stream fails with no other error
      } finally {
        clearTimeout(patience);
      }
    },
    call(method, request, settings = {}) {
      const metadata = metadataOf(settings);
      return new Promise((resolve) => {
        const call = client.makeUnaryRequest(
          `/${method.parent.typeName}/${method.name}`,
          (message: MessageShape<typeof method.input>) => Buffer.from(toBinary(method.input, message)),
          (bytes) => fromBinary(method.output, bytes),
          create(method.input, request),
          metadata,
          { deadline: Date.now() + (settings.timeoutMs ?? 20_000) },
          (error, value) => {
            clearTimeout(patience);
            if (error) resolve(grpcFailure(error));
            else resolve({ ok: true, value: value as MessageShape<typeof method.output>, headers: {} });
          },
        );
        const patience = patienceWith(call, settings);
      });
    },
    close: () => client.close(),
  };
}

function patienceWith(call: grpc.Call, { cancelAfterMs }: CallSettings): NodeJS.Timeout | undefined {
  return cancelAfterMs === undefined ? undefined : setTimeout(() => call.cancel(), cancelAfterMs);
}

function grpcFailure(error: grpc.ServiceError): Failed {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const details =
    bytes instanceof Uint8Array
      ? fromBinary(StatusSchema, bytes).details.map(({ typeUrl, value }) => ({
          type: typeUrl.slice(typeUrl.indexOf("/") + 1),
          value,
        }))
      : [];
  return failed(grpc.status[error.code] ?? String(error.code), error.details, details);
}

/** Makes a client of Connect's JSON by fetch, as curl would send it. */
export function httpPort(origin: string, key: string): Port {
  const post = (method: DescMethod, type: string, body: string | Uint8Array<ArrayBuffer>, settings: CallSettings) =>
    fetch(`${origin}/${method.parent.typeName}/${method.name}`, {
      method: "POST",
      headers: {
        "content-type": type,
        "connect-protocol-version": "1",
        "connect-timeout-ms": String(settings.timeoutMs ?? 20_000),
        ...headersOf(key, settings),
      },
      body,
    });
  return {
    name: "HTTP",
    async list(method, request, settings = {}) {
      const body = envelope(JSON.stringify(toJson(method.input, create(method.input, request))));
      const response = await post(method, "application/connect+json", body, settings);
      if (!response.ok) throw new Error(`a stream of HTTP status ${response.status}`);
      const frames = [...envelopesIn(Buffer.from(await response.arrayBuffer()))];
      const end = frames.pop();
      // Flag 2: the end of the stream, with its error if there was one.
      if (end?.flags !== 2 || frames.some(({ flags }) => flags !== 0)) throw new Error("a stream without an end");
      const { error } = end.json as { readonly error?: ConnectErrorJson };
      if (error) return connectFailure(error);
      const value = frames.map(({ json }) => fromJson(method.output, json));
      return { ok: true, value, headers: Object.fromEntries(response.headers) };
    },
    async call(method, request, settings = {}) {
      const body = JSON.stringify(toJson(method.input, create(method.input, request)));
      return readConnectReply(method, await post(method, "application/json", body, settings));
    },
    close: () => undefined,
  };
}

/** Sends this exact body, for requests that no client library would send. */
export async function postJson<I extends DescMessage, O extends DescMessage>(
  origin: string,
  method: DescMethodUnary<I, O>,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>>,
): Promise<Reply<MessageShape<O>>> {
  const response = await fetch(`${origin}/${method.parent.typeName}/${method.name}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return readConnectReply(method, response);
}

async function readConnectReply<O extends DescMessage>(
  method: DescMethodUnary<DescMessage, O>,
  response: Response,
): Promise<Reply<MessageShape<O>>> {
  const text = await response.text();
  const headers = Object.fromEntries(response.headers);
  if (response.ok) return { ok: true, value: fromJson(method.output, JSON.parse(text)), headers };
  return connectFailure(text.startsWith("{") ? JSON.parse(text) : { code: `http ${response.status}` });
}

/** Returns one message of a Connect stream: flags, length, JSON. */
function envelope(json: string): Uint8Array<ArrayBuffer> {
  const content = Buffer.from(json);
  const bytes = Buffer.alloc(5 + content.length);
  bytes.writeUInt32BE(content.length, 1);
  content.copy(bytes, 5);
  return bytes;
}

function* envelopesIn(bytes: Buffer): Generator<{ readonly flags: number; readonly json: JsonValue }> {
  for (let start = 0; start < bytes.length; ) {
    const end = start + 5 + bytes.readUInt32BE(start + 1);
    yield { flags: bytes.readUInt8(start), json: JSON.parse(bytes.toString("utf8", start + 5, end)) };
    start = end;
  }
}

interface ConnectErrorJson {
  readonly code?: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

function connectFailure(error: ConnectErrorJson): Failed {
  const details = (error.details ?? []).map(({ type, value }) => ({
    type,
    value: new Uint8Array(Buffer.from(value, "base64")),
  }));
  return failed((error.code ?? "").toUpperCase(), error.message ?? "", details);
}

function failed(
  code: string,
  message: string,
  details: readonly { readonly type: string; readonly value: Uint8Array }[],
): Failed {
  const infos = details.filter(({ type }) => type === ErrorInfoSchema.typeName);
  const info = infos[0] && fromBinary(ErrorInfoSchema, infos[0].value);
  const bad = details.find(({ type }) => type === BadRequestSchema.typeName);
  const violations = bad ? fromBinary(BadRequestSchema, bad.value).fieldViolations : [];
  const failure = details.find(({ type }) => type === PreconditionFailureSchema.typeName);
  const retry = details.find(({ type }) => type === RetryInfoSchema.typeName);
  const delay = retry && fromBinary(RetryInfoSchema, retry.value).retryDelay;
  if (infos.length > 1) throw new Error("more than one ErrorInfo");
  if (info && info.domain !== "patwarden.v1") throw new Error(`unexpected error domain ${info.domain}`);
  return {
    ok: false,
    code,
    message,
    reason: info?.reason,
    metadata: info?.metadata ?? {},
    fields: violations.map(({ field }) => field),
    descriptions: violations.map(({ description }) => description),
    preconditions: failure ? fromBinary(PreconditionFailureSchema, failure.value).violations : [],
    retryDelayMs: delay && durationMs(delay),
  };
}
