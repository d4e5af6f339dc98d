import type { Socket } from "node:net";
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Address } from "../domain/network.js";
import { clientNameOf } from "./client-certificate.js";
import {
  type CallContext,
  methodName,
  type OnCallEnd,
  refuseOddAuthorization,
  requestIdFrom,
  requestIdHeader,
} from "./service.js";
import { type StatusError, toStatusError } from "./status.js";

/** Facts about the connection that connect does not pass on. */
export interface Arrival {
  readonly address: Address | undefined;
  readonly socket: Socket | undefined;
  /** Every `authorization` header as received. */
  readonly authorizations: readonly string[];
}

export const arrivalKey = createContextKey<Arrival>({ address: undefined, socket: undefined, authorizations: [] });

/** A call over connect. running → ended, once. */
export class ConnectCall implements CallContext {
  readonly transport = "connect";
  readonly startTime = performance.now();
  readonly method: string;
  readonly deadline?: number;
  readonly requestId: string;
  readonly #context: HandlerContext;
  readonly #arrival: Arrival;
  readonly #onEnd: OnCallEnd | undefined;
  #ended = false;

  constructor(context: HandlerContext, onEnd: OnCallEnd | undefined) {
    this.method = methodName(context.method);
    this.#context = context;
    this.#arrival = context.values.get(arrivalKey);
    this.#onEnd = onEnd;
    const timeoutMs = context.timeoutMs();
    if (timeoutMs !== undefined) this.deadline = this.startTime + timeoutMs;
    const sentRequestId = this.header(requestIdHeader);
    this.requestId = requestIdFrom(sentRequestId);
    if (sentRequestId !== undefined) this.setHeader(requestIdHeader, this.requestId);
  }

  get address(): Address | undefined {
    return this.#arrival.address;
  }

  get clientName(): string | undefined {
    const { socket } = this.#arrival;
    return socket && clientNameOf(socket);
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get cancelled(): boolean {
    return this.#ended || this.#context.signal.aborted;
  }

  header(name: string): string | undefined {
    return this.#context.requestHeader.get(name) ?? undefined;
  }

  setHeader(name: string, value: string): void {
    this.#context.responseHeader.set(name, value);
  }

  /** Throws when the call may not reach a handler. */
  admit(): void {
    refuseOddAuthorization(this.#arrival.authorizations);
    this.signal.throwIfAborted();
  }

  /** Ends the call with this error and returns the error to send. */
  fail(thrown: unknown): StatusError {
    const error = toStatusError(thrown, this.requestId);
    this.setHeader(requestIdHeader, this.requestId);
    this.end(error);
    return error;
  }

  /** Reports how the call ended; only the first report counts. */
  end(error: StatusError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd?.(this, error);
  }
}
