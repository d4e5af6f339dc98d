import { create } from "@bufbuild/protobuf";
import { Failure } from "../../domain/errors.js";
import type { Address } from "../../domain/network.js";
import { decode, encode } from "../binary-messages.js";
import type { CallFactory, CallServer } from "../grpc/server.js";
import { ServerCall } from "../grpc/server-call.js";
import { CallError, type MetadataEntry, type Status } from "../grpc/status.js";
import type { FieldList } from "../http2/fields.js";
import type { ServerConnection } from "../http2/server-connection.js";
import {
  type CallContext,
  messageLimits,
  methodName,
  type OnCallEnd,
  type Operation,
  type Outgoing,
  refuseOddAuthorization,
  requestIdFrom,
  requestIdHeader,
} from "../service.js";
import { cancelled, StatusError, toGrpcStatus, toStatusError } from "../status.js";

/** A client, as far as its connection tells. Made once for each connection. */
export interface Peer {
  readonly address: Address | undefined;
  readonly clientName: string | undefined;
}

type UnaryOperation = Extract<Operation, { kind: "unary" }>;
type StreamOperation = Exclude<Operation, UnaryOperation>;

/**
 * A caller cancels at its own deadline by its own clock, often just before ours. Milliseconds by which that still
 * counts as a passed deadline.
 */
const deadlineSlackMs = 10;

/** A call of the built-in engine. running → ended, once: by an answer, an error, or when the caller leaves. */
abstract class BuiltinCall extends ServerCall implements CallContext {
  readonly transport = "grpc";
  readonly method: string;
  readonly startTime: number;
  actor?: string;
  readonly #server: CallServer<Peer>;
  readonly #peer: Peer;
  readonly #onEnd: OnCallEnd | undefined;
  #requestId: string | undefined = undefined;
  #responseMetadata: readonly MetadataEntry[] | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #interruption: StatusError | undefined = undefined;
  #ended = false;

  constructor(
    mounted: Mounted<Operation>,
    server: CallServer<Peer>,
    connection: ServerConnection,
    id: number,
    head: FieldList,
    peer: Peer,
  ) {
    super(server, connection, id, head, mounted.operation.kind);
    this.method = mounted.name;
    this.startTime = connection.now;
    this.#server = server;
    this.#peer = peer;
    this.#onEnd = mounted.onEnd;
  }

  get deadline(): number | undefined {
    return this.expiresAt === Number.POSITIVE_INFINITY ? undefined : this.expiresAt;
  }

  get requestId(): string {
    this.#requestId ??= requestIdFrom(this.header(requestIdHeader));
    return this.#requestId;
  }

  get address(): Address | undefined {
    return this.#peer.address;
  }

  get clientName(): string | undefined {
    return this.#peer.clientName;
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
    // No callback: three headers are read for each Check.
    for (const field of this.head.fields) if (field.name === name) return field.value;
    return undefined;
  }

  setHeader(name: string, value: string): void {
    const others = this.#responseMetadata?.filter(([other]) => other !== name) ?? [];
    this.#responseMetadata = [...others, [name, value]];
  }

  /** Throws when the call may not reach a handler. */
  protected admit(): void {
    let found: string | undefined;
    for (const { name, value } of this.head.fields) {
      if (name !== "authorization") continue;
      if (found !== undefined) refuseOddAuthorization([found, value]);
      found = value;
    }
    if (found !== undefined) refuseOddAuthorization([found]);
  }

  /** Returns the metadata of the response. The caller gets back its own request id. */
  protected responseMetadata(): readonly MetadataEntry[] | undefined {
    if (this.header(requestIdHeader) !== undefined) this.setHeader(requestIdHeader, this.requestId);
    return this.#responseMetadata;
  }

  /** Ends the call with success. Returns whether the call was still running, so that the success may be sent. */
  protected succeed(): boolean {
    return this.#end(undefined);
  }

  /** Ends the call with what a handler threw. */
  protected fail(thrown: unknown): void {
    const error = toStatusError(thrown instanceof CallError ? wrongStream(thrown) : thrown, this.requestId);
    if (this.#end(error)) this.finish(toGrpcStatus(error, this.requestId));
  }

  protected override onRefused(status: Status): void {
    this.#server.refused(this, status, this.#peer);
  }

  protected onInterrupted(why: "cancelled" | "deadline"): void {
    const late = why === "deadline" || performance.now() >= this.expiresAt - deadlineSlackMs;
    const error = late ? toStatusError(new Failure("DEADLINE_EXCEEDED"), this.requestId) : cancelled();
    if (!this.#end(error)) return;
    this.finish(toGrpcStatus(error, this.requestId));
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

/** Returns the error of a caller that broke off in the middle of a stream, for the log: it was answered already. */
function wrongStream({ message }: CallError): StatusError {
  return new StatusError({ code: "INTERNAL", message });
}

/** A method with its name. */
interface Mounted<O> {
  readonly operation: O;
  readonly name: string;
  readonly onEnd: OnCallEnd | undefined;
}

/** Returns what makes the calls of a method. */
export function factoryOf(operation: Operation, onEnd: OnCallEnd | undefined): CallFactory<Peer> {
  const name = methodName(operation.method);
  if (operation.kind === "unary") {
    const mounted = { operation, name, onEnd };
    return (server, connection, id, head, peer) => new UnaryCall(mounted, server, connection, id, head, peer);
  }
  const mounted = { operation, name, onEnd };
  return (server, connection, id, head, peer) => new StreamCall(mounted, server, connection, id, head, peer);
}

class UnaryCall extends BuiltinCall {
  readonly #operation: UnaryOperation;

  constructor(
    mounted: Mounted<UnaryOperation>,
    server: CallServer<Peer>,
    connection: ServerConnection,
    id: number,
    head: FieldList,
    peer: Peer,
  ) {
    super(mounted, server, connection, id, head, peer);
    this.#operation = mounted.operation;
  }

  /** Answers in the same turn when the handler needs no promise. */
  protected onRequest(octets: Buffer, start: number, end: number): void {
    try {
      this.admit();
      const { method, handle, codec } = this.#operation;
      const bytes = octets.subarray(start, end);
      // Fields of bytes are views of what they were decoded from.
      const request = codec?.decode(bytes) ?? decode(method.input, Buffer.from(bytes));
      const handled = handle(request, this);
      if (handled instanceof Promise) {
        handled.then(
          (message) => this.#answer(message),
          (thrown: unknown) => this.#refuse(thrown),
        );
        return;
      }
      this.#answer(handled);
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  protected onBegin(): void {}

  #answer(message: Outgoing): void {
    try {
      const { method, codec } = this.#operation;
      const response = create(method.output, message);
      const answer = limited(codec?.encode(response) ?? encode(method.output, response));
      if (this.succeed()) this.respond(answer, this.responseMetadata());
    } catch (thrown) {
      this.fail(thrown);
    }
    this.release();
  }

  #refuse(thrown: unknown): void {
    this.fail(thrown);
    this.release();
  }
}

class StreamCall extends BuiltinCall {
  readonly #operation: StreamOperation;

  constructor(mounted: Mounted<StreamOperation>, ...arriving: Parameters<CallFactory<Peer>>) {
    super(mounted, ...arriving);
    this.#operation = mounted.operation;
  }

  protected onRequest(octets: Buffer, start: number, end: number): void {
    const bytes = Buffer.from(octets.subarray(start, end));
    const operation = this.#operation;
    if (operation.kind !== "server_streaming") return;
    void this.#run(() => operation.handle(decode(operation.method.input, bytes), this));
  }

  protected onBegin(): void {
    const operation = this.#operation;
    if (operation.kind !== "bidi_streaming") return;
    void this.#run(() => operation.handle(this.#requests(), this));
  }

  async *#requests() {
    for await (const bytes of this.messages()) yield decode(this.#operation.method.input, bytes);
  }

  async #run(answer: () => AsyncIterable<Outgoing>): Promise<void> {
    const { output } = this.#operation.method;
    let begun = false;
    try {
      this.admit();
      for await (const message of answer()) {
        if (!begun) this.sendMetadata(this.responseMetadata());
        begun = true;
        if (!this.write(limited(encode(output, message)))) await this.writable();
        if (this.answered) {
          // For the log, unless the call was interrupted: the caller has sent something wrong.
          this.fail(cancelled());
          return;
        }
      }
      if (!this.succeed()) return;
      if (!begun) this.sendMetadata(this.responseMetadata());
      this.finish({ code: 0, message: "" });
    } catch (thrown) {
      this.fail(thrown);
    } finally {
      this.release();
    }
  }
}

function limited(answer: Buffer): Buffer {
  if (answer.length <= messageLimits.send) return answer;
  throw new StatusError({
    code: "RESOURCE_EXHAUSTED",
    message: `the answer is longer than ${messageLimits.send} bytes`,
  });
}
