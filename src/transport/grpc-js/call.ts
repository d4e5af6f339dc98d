import type { EventEmitter } from "node:events";
import { Metadata, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream } from "@grpc/grpc-js";
import { Failure } from "../../domain/errors.js";
import { type Address, peerAddress } from "../../domain/network.js";
import { clientNameIn } from "../client-certificate.js";
import {
  type CallContext,
  type OnCallEnd,
  refuseOddAuthorization,
  requestIdFrom,
  requestIdHeader,
} from "../service.js";
import { cancelled, type StatusError, toStatusError } from "../status.js";

/** A call of grpc-js, whose messages are passed to us as bytes. */
export type SurfaceCall =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;

/**
 * A caller cancels at its own deadline by its own clock, often just before ours. Milliseconds by which that still
 * counts as a passed deadline.
 */
const deadlineSlackMs = 10;

/** A call over gRPC. running → ended, once: by an answer, an error, or when the caller leaves. */
export class GrpcCall implements CallContext {
  readonly transport = "grpc";
  readonly startTime = performance.now();
  readonly method: string;
  readonly deadline?: number;
  readonly #surface: SurfaceCall;
  readonly #onEnd: OnCallEnd | undefined;
  readonly #sentRequestId: string | undefined;
  #requestId: string | undefined;
  #responseHeaders: Metadata | undefined;
  #controller: AbortController | undefined;
  #ended = false;
  #interruption: StatusError | undefined;

  constructor(method: string, surface: SurfaceCall, onEnd: OnCallEnd | undefined) {
    this.method = method;
    this.#surface = surface;
    this.#onEnd = onEnd;
    this.#sentRequestId = this.header(requestIdHeader);
    const deadline = Number(surface.getDeadline());
    if (deadline !== Number.POSITIVE_INFINITY) this.deadline = this.startTime + deadline - Date.now();
    // Also emitted after every call that ended well.
    const events: EventEmitter = surface;
    events.on("cancelled", () => this.#interrupt());
  }

  get requestId(): string {
    this.#requestId ??= requestIdFrom(this.#sentRequestId);
    return this.#requestId;
  }

  get address(): Address | undefined {
    // grpc-js joins the socket's own address and port by a colon, IPv6 without brackets: the last colon counts.
    const peer = this.#surface.getPeer();
    return peerAddress(peer.slice(0, Math.max(peer.lastIndexOf(":"), 0)));
  }

  get clientName(): string | undefined {
    const { sslPeerCertificate: verified } = this.#surface.getAuthContext();
    return verified && clientNameIn(verified);
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#interruption) this.#controller.abort(this.#interruption);
    }
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#ended;
  }

  header(name: string): string | undefined {
    const [value] = this.#surface.metadata.get(name);
    return typeof value === "string" ? value : undefined;
  }

  setHeader(name: string, value: string): void {
    this.#responseHeaders ??= new Metadata();
    this.#responseHeaders.set(name, value);
  }

  /**
   * Throws when the call may not reach a handler. HTTP/2 in Node drops all but the first of several `authorization`
   * headers.
   */
  admit(): void {
    refuseOddAuthorization(this.#surface.metadata.get("authorization"));
  }

  /** Sends the headers, before the first message. The caller gets back its own request id. */
  sendHeaders(): void {
    if (this.#sentRequestId !== undefined) this.setHeader(requestIdHeader, this.requestId);
    if (this.#responseHeaders) this.#surface.sendMetadata(this.#responseHeaders);
  }

  /** Ends the call with success. Returns whether the call was still running, so that the success may be sent. */
  succeed(): boolean {
    return this.#end(undefined);
  }

  /** Ends the call with this error. Returns the error to send; undefined when no caller waits for it. */
  fail(thrown: unknown): StatusError | undefined {
    const error = toStatusError(thrown, this.requestId);
    return this.#end(error) ? error : undefined;
  }

  #interrupt(): void {
    // Also called after every call that ended well: then no error is needed.
    if (this.#ended) return;
    const late = this.deadline !== undefined && performance.now() >= this.deadline - deadlineSlackMs;
    // grpc-js has already answered; this error is for the log and for a handler that still runs.
    const error = late ? toStatusError(new Failure("DEADLINE_EXCEEDED"), this.requestId) : cancelled();
    if (!this.#end(error)) return;
    this.#interruption = error;
    this.#controller?.abort(error);
  }

  #end(error: StatusError | undefined): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#onEnd?.(this, error);
    return true;
  }
}
