import type { FieldList } from "../http2/fields.js";
import { errorCodes } from "../http2/frames.js";
import type { Timed } from "../net/deadlines.js";
import type { ClientMethod, MetadataField } from "./client-method.js";
import type { ClientStream } from "./client-stream.js";
import { codes } from "./status.js";

/** Who sends a call. */
export interface CallOwner {
  /** Called once when the call has ended. */
  ended(call: ClientCall): void;
  /** Sends a call again that the server has not looked at. Returns false when it may not be: it has been once. */
  sendAgain(call: ClientCall): boolean;
}

export interface ClientCallOptions {
  readonly method: ClientMethod;
  /** The encoded message, which nobody changes afterwards. */
  readonly request: Buffer;
  /** Instant of `performance.now()`. */
  readonly deadline: number;
  /** Fields besides those of the method. */
  readonly metadata?: readonly MetadataField[];
}

const noMetadata: readonly MetadataField[] = [];

/**
 * A call to a server: one message, and one or a stream of them as the answer. The layer above extends it. It may wait
 * for a connection first, and be sent a second time on another stream, so it is no stream itself.
 */
export abstract class ClientCall implements Timed {
  readonly method: ClientMethod;
  readonly request: Buffer;
  readonly expiresAt: number;
  readonly metadata: readonly MetadataField[];
  nextTimed: Timed | undefined = undefined;
  previousTimed: Timed | undefined = undefined;
  owner: CallOwner | undefined = undefined;
  /** The present attempt; undefined while the call waits. */
  stream: ClientStream | undefined = undefined;
  /** How often it has been sent. */
  attempts = 0;
  over = false;
  /** Fields of the answer, once they have arrived. */
  head: FieldList | undefined = undefined;
  trailers: FieldList | undefined = undefined;

  constructor({ method, request, deadline, metadata = noMetadata }: ClientCallOptions) {
    this.method = method;
    this.request = request;
    this.expiresAt = deadline;
    this.metadata = metadata;
  }

  /**
   * Takes a message. That of a unary call is passed on once, and only after `grpc-status: 0` has arrived behind it;
   * those of a stream at once, each to be given back by `credit`. Must not throw; nobody changes `message`.
   *
   * @param octets What the message takes of the window.
   */
  protected abstract onMessage(message: Buffer, octets: number): void;

  /** Called once. Nothing is called after it. Code 0 means that the answer is complete. Must not throw. */
  protected abstract onEnd(code: number, text: string): void;

  deliver(message: Buffer, octets: number): void {
    if (!this.over) this.onMessage(message, octets);
  }

  end(code: number, text: string): void {
    if (this.over) return;
    this.over = true;
    this.owner?.ended(this);
    this.onEnd(code, text);
  }

  /** Lets the server send so many octets more. */
  credit(octets: number): void {
    this.stream?.credit(octets);
  }

  cancel(): void {
    this.abandon(codes.cancelled, "cancelled");
  }

  onDeadline(): void {
    // An answer that was an error already stays what it was.
    const refusal = this.stream?.refusal;
    if (refusal) this.abandon(refusal.code, refusal.message);
    else this.abandon(codes.deadlineExceeded, "the deadline has passed");
  }

  /** Ends the call before the server has. */
  abandon(code: number, text: string): void {
    if (this.over) return;
    const { stream } = this;
    stream?.connection.resetStream(stream, errorCodes.cancel);
    this.end(code, text);
  }
}
