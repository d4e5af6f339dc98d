import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  fromJson,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { BadRequestSchema, ErrorInfoSchema } from "#third-party/google/rpc/error_details_pb.js";
import { StatusSchema } from "#third-party/google/rpc/status_pb.js";

/** What came back, in one shape for both ports, so that one table of cases runs over each. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T; readonly headers: Readonly<Record<string, string>> }
  | {
      readonly ok: false;
      /** Canonical name, `INVALID_ARGUMENT`. */
      readonly code: string;
      readonly message: string;
      /** Of the one ErrorInfo; undefined when the transport itself refused. */
      readonly reason: string | undefined;
      readonly metadata: Readonly<Record<string, string>>;
      readonly fields: readonly string[];
      readonly descriptions: readonly string[];
    };

export interface CallSettings {
  /** Sent as `authorization: Bearer KEY`. Null: no header. Undefined: the port's own key. */
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface Port {
  readonly name: "gRPC" | "HTTP";
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    settings?: CallSettings,
  ): Promise<Reply<MessageShape<O>>>;
  close(): void;
}

function headersOf(key: string, settings: CallSettings): Record<string, string> {
  const bearer = settings.key === undefined ? key : settings.key;
  return { ...(bearer !== null && { authorization: `Bearer ${bearer}` }), ...settings.headers };
}

/** A real grpc-js client. */
export function grpcPort(address: string, key: string): Port {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  return {
    name: "gRPC",
    call(method, request, settings = {}) {
      const metadata = new grpc.Metadata();
      for (const [name, value] of Object.entries(headersOf(key, settings))) metadata.set(name, value);
      return new Promise((resolve) => {
        client.makeUnaryRequest(
          `/${method.parent.typeName}/${method.name}`,
          (message: MessageShape<typeof method.input>) => Buffer.from(toBinary(method.input, message)),
          (bytes) => fromBinary(method.output, bytes),
          create(method.input, request),
          metadata,
          { deadline: Date.now() + (settings.timeoutMs ?? 20_000) },
          (error, value) => {
            if (!error) return resolve({ ok: true, value: value as MessageShape<typeof method.output>, headers: {} });
            const [bytes] = error.metadata.get("grpc-status-details-bin");
            const details =
              bytes instanceof Uint8Array
                ? fromBinary(StatusSchema, bytes).details.map(({ typeUrl, value }) => ({
                    type: typeUrl.slice(typeUrl.indexOf("/") + 1),
                    value,
                  }))
                : [];
            resolve(failed(grpc.status[error.code] ?? String(error.code), error.details, details));
          },
        );
      });
    },
    close: () => client.close(),
  };
}

/** Connect's unary JSON by fetch, as curl would send it. */
export function httpPort(origin: string, key: string): Port {
  return {
    name: "HTTP",
    async call(method, request, settings = {}) {
      const response = await fetch(`${origin}/${method.parent.typeName}/${method.name}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "connect-protocol-version": "1",
          "connect-timeout-ms": String(settings.timeoutMs ?? 20_000),
          ...headersOf(key, settings),
        },
        body: JSON.stringify(toJson(method.input, create(method.input, request))),
      });
      return readConnectReply(method, response);
    },
    close: () => undefined,
  };
}

/** For requests that a client library would not let us make: the body as it is. */
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
  const error: { code?: string; message?: string; details?: { type: string; value: string }[] } = text.startsWith("{")
    ? JSON.parse(text)
    : { code: `http ${response.status}` };
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
): Extract<Reply<never>, { ok: false }> {
  const infos = details.filter(({ type }) => type === ErrorInfoSchema.typeName);
  const info = infos[0] && fromBinary(ErrorInfoSchema, infos[0].value);
  const bad = details.find(({ type }) => type === BadRequestSchema.typeName);
  const violations = bad ? fromBinary(BadRequestSchema, bad.value).fieldViolations : [];
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
  };
}
