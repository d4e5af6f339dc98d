import { create, type DescMethodUnary, fromJson, type JsonValue, toJsonString } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";

interface TransportOptions {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Returns the access token of a call. `signal` ends with the call. Undefined: the call has none. */
  accessToken?(signal: AbortSignal): Promise<string | undefined>;
}

/** How long a call may take, in milliseconds. */
const callTimeout = 15_000;

/**
 * Makes unary calls by the Connect protocol, as JSON. A call that fails throws a ConnectError. The transport of
 * `@connectrpc/connect-web` has streams too, which no view needs: hosts of the element would load 4 KB for them.
 */
export function jsonTransport({ baseUrl, fetch, accessToken }: TransportOptions): Transport {
  const call = async (method: DescMethodUnary, body: string, signal: AbortSignal): Promise<JsonValue> => {
    const token = await accessToken?.(signal);
    const response = await fetch(`${baseUrl}/${method.parent.typeName}/${method.name}`, {
      method: "POST",
      redirect: "error",
      headers: new Headers({
        "content-type": "application/json",
        "connect-protocol-version": "1",
        "connect-timeout-ms": String(callTimeout),
        ...(token && { authorization: `Bearer ${token}` }),
      }),
      body,
      signal,
    });
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    if (response.status !== 200) throw errorOf(response.status, isJson ? await response.json() : undefined);
    if (!isJson) throw new ConnectError("the answer is not JSON", Code.Unknown);
    return response.json();
  };
  return {
    unary: async (method, given, _, __, input) => {
      const timeout = AbortSignal.timeout(callTimeout);
      const signal = given ? AbortSignal.any([given, timeout]) : timeout;
      try {
        const json = await call(method, toJsonString(method.input, create(method.input, input)), signal);
        const message = fromJson(method.output, json, { ignoreUnknownFields: true });
        const service = method.parent;
        return { stream: false, service, method, message, header: new Headers(), trailer: new Headers() };
      } catch (error) {
        if (given?.aborted) throw ConnectError.from(error, Code.Canceled);
        if (timeout.aborted) throw new ConnectError("the call took too long", Code.DeadlineExceeded);
        throw ConnectError.from(error);
      }
    },
    stream: () => Promise.reject(new ConnectError("this transport has no streams", Code.Unimplemented)),
  };
}

/** The body of an answer that is an error; proxies may send anything. */
interface ErrorBody {
  /** `invalid_argument`. */
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

/** The codes of answers that do not come from the server itself. */
const codes: Readonly<Record<number, Code>> = {
  400: Code.Internal,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.Unimplemented,
  429: Code.Unavailable,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.Unavailable,
};

/** Returns the error of an answer: what its body says, else what its HTTP status means. */
function errorOf(status: number, body: ErrorBody | null = null): ConnectError {
  const name = String(body?.code).replaceAll(/(?:^|_)([a-z])/g, (_, first: string) => first.toUpperCase());
  const known = (Code as Readonly<Record<string, unknown>>)[name];
  const code = typeof known === "number" ? known : (codes[status] ?? Code.Unknown);
  const error = new ConnectError(typeof body?.message === "string" ? body.message : `HTTP ${status}`, code);
  if (Array.isArray(body?.details))
    for (const { type, value } of body.details) error.details.push({ type, value: base64Decode(value) });
  return error;
}
