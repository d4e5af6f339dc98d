import { setMaxListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { Awaitable } from "../domain/awaitable.js";
import { Failure } from "../domain/errors.js";
import { type Address, peerAddress } from "../domain/network.js";
import { orAborted, untilAborted } from "./abort.js";
import { type Arrival, arrivalKey, ConnectCall } from "./connect-call.js";
import { strictJson } from "./connect-json.js";
import { lookedOver } from "./message-parts.js";
import { type Implementation, messageLimits, type OnCallEnd, type Operation, type Outgoing } from "./service.js";
import { cancelled, shuttingDown, toConnectError, toStatusError } from "./status.js";

export interface ConnectOptions {
  readonly onEnd?: OnCallEnd;
  /** Returns the address of the caller, where proxies stand in between. Default: the peer's address. */
  readonly addressOf?: (request: IncomingMessage) => Address | undefined;
}

/** Connect, gRPC-Web, JSON and (over HTTP/2) gRPC for the HTTP port. */
export interface ConnectRoutes {
  /** Returns undefined, and does nothing, when the path is no method. Rejects with errors outside of handlers. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void> | undefined;
  /** Ends every running call with UNAVAILABLE. */
  abort(): void;
}

/** The longest deadline of a caller; longer ones are refused with INVALID_ARGUMENT. */
const maxTimeoutMs = 60_000;

export function connectRoutes(
  implementations: readonly Implementation[],
  { onEnd, addressOf = ({ socket }) => peerAddress(socket.remoteAddress) }: ConnectOptions = {},
): ConnectRoutes {
  const shutdown = new AbortController();
  // One listener for each running call; connect removes it when the call ends.
  setMaxListeners(0, shutdown.signal);
  const router = createConnectRouter({
    readMaxBytes: messageLimits.receive,
    writeMaxBytes: messageLimits.send,
    maxTimeoutMs,
    acceptCompression: [],
    shutdownSignal: shutdown.signal,
  });
  for (const operation of implementations.flatMap(({ operations }) => operations)) mount(router, operation, onEnd);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return {
    handle(request, response) {
      const handler = handlers.get(request.url?.split("?", 1)[0] ?? "");
      return handler && serve(handler, request, response, addressOf(request));
    },
    abort: () => shutdown.abort(toConnectError(shuttingDown())),
  };
}

async function serve(
  handler: UniversalHandler,
  request: IncomingMessage,
  response: ServerResponse,
  address: Address | undefined,
): Promise<void> {
  const values = createContextValues().set(arrivalKey, arrivalOf(request, address));
  let universal: ReturnType<typeof universalRequestFromNodeRequest>;
  try {
    universal = universalRequestFromNodeRequest(request, response, undefined, values);
  } catch {
    // connect makes a URL from the Host header, which may be absent (HTTP/1.0) or invalid.
    refuse(response, 400, handler);
    return;
  }
  try {
    const answer = await handler({ ...universal, body: boundedBody(universal, handler) });
    if (answer.status < 400 || answer.body) await universalResponseToNodeResponse(answer, response);
    else refuse(response, answer.status, handler, answer.header);
  } catch (error) {
    // connect uses the code Aborted for a peer that went away.
    if (ConnectError.from(error).code !== Code.Aborted) throw error;
    if (!response.writableEnded) response.destroy();
  }
}

/** Returns the body with a limit on its parts. JSON bodies are checked by the JSON decoder instead. */
function boundedBody({ body, header }: UniversalServerRequest, { method }: UniversalHandler): typeof body {
  const type = header.get("content-type") ?? "";
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body) || type.includes("json"))
    return body;
  const enveloped = !type.startsWith("application/proto");
  const bounded = lookedOver(body, { desc: method.input, enveloped, maxBytes: messageLimits.receive });
  return refusedAs(bounded);
}

async function* refusedAs<T>(body: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* body;
  } catch (error) {
    throw error instanceof Failure ? toConnectError(toStatusError(error, "")) : error;
  }
}

/** Bodies for statuses that connect answers with an empty body. */
const refusals: Readonly<Record<number, { readonly code: string; readonly message: string }>> = {
  400: { code: "invalid_argument", message: "the Host header must name a host" },
  405: { code: "unimplemented", message: "the method must be POST" },
  505: { code: "unimplemented", message: "this method needs HTTP/2" },
};

/** Returns a refusal that names the content types of the method. */
function wrongType({ methodKind }: UniversalHandler["method"]): { readonly code: string; readonly message: string } {
  const own =
    methodKind === "unary"
      ? "application/json or application/proto"
      : "application/connect+json or application/connect+proto, since this method streams";
  const others = "for gRPC-Web, application/grpc-web+proto; for gRPC over HTTP/2, application/grpc";
  return { code: "invalid_argument", message: `the content type must be ${own}; ${others}` };
}

/** Answers in the format of Connect's errors, so that no answer is empty. */
function refuse(response: ServerResponse, status: number, { method }: UniversalHandler, header = new Headers()): void {
  const refusal = status === 415 ? wrongType(method) : refusals[status];
  const body = JSON.stringify(refusal ?? { code: "unknown", message: "the request cannot be served" });
  response.writeHead(status, { ...Object.fromEntries(header), "content-type": "application/json" }).end(body);
}

function arrivalOf({ rawHeaders, socket }: IncomingMessage, address: Address | undefined): Arrival {
  return {
    address,
    socket,
    // `headers` keeps only the first of several; `rawHeaders` has names and values alternately.
    authorizations: rawHeaders.filter(
      (_, index) => rawHeaders[index - 1]?.toLowerCase() === "authorization" && index % 2 === 1,
    ),
  };
}

function mount(router: ConnectRouter, operation: Operation, onEnd: OnCallEnd | undefined): void {
  const options: ConnectRouterOptions = { jsonOptions: strictJson(operation.method.input) };
  switch (operation.kind) {
    case "unary": {
      const { method, handle } = operation;
      router.rpc(method, (request, context) => answer(context, onEnd, (call) => handle(request, call)), options);
      break;
    }
    case "server_streaming": {
      const { method, handle } = operation;
      router.rpc(method, (request, context) => stream(context, onEnd, (call) => handle(request, call)), options);
      break;
    }
    case "bidi_streaming": {
      const { method, handle } = operation;
      router.rpc(method, (requests, context) => stream(context, onEnd, (call) => handle(requests, call)), options);
      break;
    }
  }
}

/** Runs a unary call. Connect signals a deadline but then waits for the handler (connect-es#591), hence the race. */
async function answer(
  context: HandlerContext,
  onEnd: OnCallEnd | undefined,
  run: (call: ConnectCall) => Awaitable<Outgoing>,
): Promise<Outgoing> {
  const call = new ConnectCall(context, onEnd);
  try {
    call.admit();
    const answered = run(call);
    const response = answered instanceof Promise ? await orAborted(answered, context.signal) : answered;
    call.end(undefined);
    return response;
  } catch (thrown) {
    throw toConnectError(call.fail(wasInterrupted(context, thrown) ? interruption(thrown) : thrown));
  }
}

async function* stream(
  context: HandlerContext,
  onEnd: OnCallEnd | undefined,
  run: (call: ConnectCall) => AsyncIterable<Outgoing>,
): AsyncGenerator<Outgoing> {
  const call = new ConnectCall(context, onEnd);
  // When the peer is gone, connect may never resume this generator: it waits for the connection to drain.
  context.signal.addEventListener("abort", () => call.fail(interruption(context.signal.reason)), { once: true });
  try {
    call.admit();
    yield* untilAborted(run(call), context.signal);
    call.end(undefined);
  } catch (thrown) {
    throw toConnectError(call.fail(wasInterrupted(context, thrown) ? interruption(thrown) : thrown));
  }
}

function wasInterrupted({ signal }: HandlerContext, thrown: unknown): boolean {
  return signal.aborted && thrown === signal.reason;
}

/** Returns the error for the reason of an aborted signal. */
function interruption(reason: unknown): Error {
  switch (ConnectError.from(reason).code) {
    case Code.DeadlineExceeded:
      return new Failure("DEADLINE_EXCEEDED");
    case Code.Unavailable:
      return shuttingDown();
    default:
      return cancelled();
  }
}
