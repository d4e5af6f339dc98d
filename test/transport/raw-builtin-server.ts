import type { DescMethod } from "@bufbuild/protobuf";
import { encodeBinary, isBinary } from "../../src/transport/grpc/metadata.js";
import { type CallFactory, CallServer } from "../../src/transport/grpc/server.js";
import { type CallKind, ServerCall } from "../../src/transport/grpc/server-call.js";
import { codes, type MetadataEntry } from "../../src/transport/grpc/status.js";
import type { FieldList } from "../../src/transport/http2/fields.js";
import { Listener } from "../../src/transport/net/listener.js";
import type { Ending, Field, RawCall, RawHandler, RawServer, RawServerOptions } from "./raw-server.js";

/** Serves one service by the built-in engine. */
export async function startBuiltinServer({
  service,
  handlers,
  receiveLimit,
  tls,
}: RawServerOptions): Promise<RawServer> {
  const methods = new Map<string, CallFactory<undefined>>();
  for (const method of service.methods) {
    const handler = handlers[method.name];
    if (handler) methods.set(`/${service.typeName}/${method.name}`, factoryOf(method, handler));
  }
  const server = new CallServer<undefined>({
    methods,
    maxMessageLength: receiveLimit,
    requestMs: 60_000,
    failed: (thrown) => ({ code: codes.internal, message: String(thrown) }),
    late: () => undefined,
  });
  const listener = await Listener.open<undefined>({
    host: "127.0.0.1",
    port: 0,
    tls,
    addressKey: () => "",
    peerOf: () => undefined,
    open: server.open,
    events: { closed: () => undefined, failed: (thrown) => process.stderr.write(`a defect: ${thrown}\n`) },
  });
  return { port: listener.port, stop: () => void listener.drain(0) };
}

function factoryOf({ methodKind }: DescMethod, handler: RawHandler): CallFactory<undefined> {
  return (...arriving) => new BuiltinRawCall(methodKind, handler, ...arriving);
}

class BuiltinRawCall extends ServerCall implements RawCall {
  readonly #kind: CallKind;
  readonly #handler: RawHandler;
  #headers: readonly MetadataEntry[] | undefined;
  /** The answer of a method with one. */
  #answer: Buffer | undefined;
  requests: AsyncIterable<Uint8Array>;

  constructor(
    kind: CallKind,
    handler: RawHandler,
    ...[settings, connection, id, head]: Parameters<CallFactory<undefined>>
  ) {
    super(settings, connection, id, head, kind);
    this.#kind = kind;
    this.#handler = handler;
    this.requests = this.messages();
  }

  get metadata(): readonly Field[] {
    return fieldsIn(this.head).filter(([name]) => !name.startsWith("grpc-"));
  }

  get timeoutMs(): number | undefined {
    return this.expiresAt === Number.POSITIVE_INFINITY ? undefined : this.expiresAt - performance.now();
  }

  sendHeaders(fields: readonly Field[]): void {
    if (this.#isStreamed) this.sendMetadata(entriesOf(fields));
    else this.#headers = entriesOf(fields);
  }

  async send(message: Uint8Array): Promise<void> {
    const octets = Buffer.from(message);
    if (!this.#isStreamed) this.#answer = octets;
    else if (!this.write(octets)) await this.writable();
  }

  protected onRequest(octets: Buffer, start: number, end: number): void {
    this.requests = only(Buffer.from(octets.subarray(start, end)));
    void this.#run();
  }

  protected onBegin(): void {
    void this.#run();
  }

  protected onInterrupted(why: "cancelled" | "deadline"): void {
    if (why === "deadline") this.finish({ code: codes.deadlineExceeded, message: "too late" });
  }

  get #isStreamed(): boolean {
    return this.#kind === "server_streaming" || this.#kind === "bidi_streaming";
  }

  async #run(): Promise<void> {
    this.#end(
      await this.#handler(this).catch((thrown) => ({
        error: { code: codes.internal, message: String(thrown) },
        trailers: [],
      })),
    );
    this.release();
  }

  #end({ error, trailers }: Ending): void {
    const answer = this.#answer;
    if (answer && trailers.length === 0 && !error) {
      this.respond(answer, this.#headers);
      return;
    }
    if (this.#headers) this.sendMetadata(this.#headers);
    if (answer && !error) this.write(answer);
    this.finish({ code: codes.ok, message: "", ...error, trailers: entriesOf(trailers) });
  }
}

async function* only(message: Buffer): AsyncGenerator<Buffer> {
  yield message;
}

/** Returns fields as they arrived, those whose names end in `-bin` as octets. */
export function fieldsIn(list: FieldList | undefined): readonly Field[] {
  return (list?.fields ?? []).flatMap(({ name, value }): readonly Field[] =>
    isBinary(name) ? value.split(",").map((each): Field => [name, Buffer.from(each, "base64")]) : [[name, value]],
  );
}

export function entriesOf(fields: readonly Field[]): readonly MetadataEntry[] {
  return fields.map(([name, value]) => [name, typeof value === "string" ? value : encodeBinary(value)]);
}
