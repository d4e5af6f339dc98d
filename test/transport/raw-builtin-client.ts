import { GrpcClient } from "../../src/transport/grpc/client.js";
import { ClientCall, type ClientCallOptions } from "../../src/transport/grpc/client-call.js";
import type { FieldList } from "../../src/transport/http2/fields.js";
import { entriesOf, fieldsIn } from "./raw-builtin-server.js";
import type { RawAnswer, RawClientCall, RawRequest, RawTarget } from "./raw-client.js";

/** The engine's calls always have a deadline. */
const longMs = 60_000;

/** Begins a call by the client of the built-in engine. It has unary and server-streaming methods. */
export function openBuiltinCall({ host, port, tls }: RawTarget, request: RawRequest): RawClientCall {
  const { method, timeoutMs = longMs, metadata } = request;
  if (method.methodKind !== "unary" && method.methodKind !== "server_streaming") {
    throw new Error("the built-in engine's client streams no requests");
  }
  const client = new GrpcClient({
    targets: [{ host, port }],
    tls,
    metadata: [],
    failed: (thrown) => process.stderr.write(`a defect: ${thrown}\n`),
  });
  const prepared = client.method(`/${method.parent.typeName}/${method.name}`, {
    streams: method.methodKind === "server_streaming",
  });
  const answers = new Answers(() => client.close());
  let message: Buffer = Buffer.alloc(0);
  let call: RawCall | undefined;
  let isCancelled = false;
  return {
    send(sent) {
      message = Buffer.from(sent);
    },
    closeSend() {
      const deadline = performance.now() + timeoutMs;
      call = new RawCall({ method: prepared, request: message, deadline, metadata: entriesOf(metadata) }, answers);
      client.start(call);
      if (isCancelled) call.cancel();
    },
    cancel() {
      isCancelled = true;
      call?.cancel();
    },
    received: (count) => answers.received(count),
    answer: answers.whole,
  };
}

/** The parts of an answer that have arrived. */
class Answers {
  readonly whole: Promise<RawAnswer>;
  readonly #messages: Buffer[] = [];
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  readonly #ended: () => void;
  #settle: (answer: RawAnswer) => void = () => undefined;

  constructor(ended: () => void) {
    this.#ended = ended;
    this.whole = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  add(message: Buffer): void {
    this.#messages.push(message);
    this.#tell(this.#messages.length);
  }

  end(error: RawAnswer["error"], head: FieldList | undefined, trailers: FieldList | undefined): void {
    const headers = head === trailers ? [] : fieldsIn(head);
    this.#settle({ headers, messages: this.#messages, error, trailers: fieldsIn(trailers) });
    this.#tell(Number.POSITIVE_INFINITY);
    this.#ended();
  }

  received(count: number): Promise<void> {
    if (this.#messages.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  #tell(count: number): void {
    for (const waiting of this.#waiting) if (waiting.count <= count) waiting.resolve();
  }
}

class RawCall extends ClientCall {
  readonly #answers: Answers;

  constructor(options: ClientCallOptions, answers: Answers) {
    super(options);
    this.#answers = answers;
  }

  protected onMessage(message: Buffer, octets: number): void {
    this.#answers.add(message);
    this.credit(octets);
  }

  protected onEnd(code: number, message: string): void {
    this.#answers.end(code === 0 ? undefined : { code, message }, this.head, this.trailers);
  }
}
