import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeBlock } from "../../../src/transport/hpack/encoder.js";
import { ClientConnection } from "../../../src/transport/http2/client-connection.js";
import type { Connection } from "../../../src/transport/http2/connection.js";
import type { FieldList } from "../../../src/transport/http2/fields.js";
import { ServerConnection } from "../../../src/transport/http2/server-connection.js";
import { Stream } from "../../../src/transport/http2/streams.js";
import type { Wire } from "../../../src/transport/http2/wire.js";
import { limits, type Pair } from "./script.js";

/** A wire to a socket, with what a connection needs of time. */
class SocketWire implements Wire {
  connection: Connection | undefined = undefined;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.connection?.receive(chunk, performance.now()));
    socket.on("drain", () => this.connection?.drained(performance.now()));
    socket.on("close", () => this.connection?.ended(performance.now()));
    socket.on("error", () => {});
  }

  write = (octets: Uint8Array): boolean => this.socket.write(octets);
  cork = (): void => this.socket.cork();
  uncork = (): void => this.socket.uncork();
  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  flushSoon(): void {
    process.nextTick(() => this.connection?.flush(performance.now()));
  }
  turnSoon(): void {
    setImmediate(() => this.connection?.turn(performance.now()));
  }
  end(): void {
    this.socket.end();
  }
  destroy(): void {
    this.socket.destroy();
  }
  get unsent(): number {
    return this.socket.writableLength;
  }
}

/** A message with what comes before and after it. */
interface Message {
  readonly fields: readonly Pair[];
  readonly body: string;
  readonly trailers: readonly Pair[];
}

const pairsOf = (list: FieldList): readonly Pair[] => list.fields.map(({ name, value }) => [name, value]);

/** Collects a message. */
abstract class CollectingStream extends Stream {
  protected fields: readonly Pair[] = [];
  protected body = "";
  protected ending: readonly Pair[] = [];

  onHead(head: FieldList, isEnd: boolean): void {
    this.fields = pairsOf(head);
    if (isEnd) this.onMessage();
  }
  onData(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    this.body += octets.toString("latin1", start, end);
    this.credit(end - start);
    if (isEnd) this.onMessage();
  }
  onTrailers(trailers: FieldList): void {
    this.ending = pairsOf(trailers);
    this.onMessage();
  }

  protected abstract onMessage(): void;
}

/** Answers with what it got, twice the body. */
class EchoingStream extends CollectingStream {
  onReset(): void {
    this.release();
  }
  protected onMessage(): void {
    const { connection } = this;
    const body = Buffer.from(this.body + this.body, "latin1");
    connection.sendHead(this, encodeBlock([[":status", "200"], ...this.fields]), false);
    connection.sendData(this, Buffer.alloc(0), body);
    connection.sendTrailers(this, encodeBlock([...this.ending, ["length", String(body.length)]]));
    this.release();
  }
}

/** A request and its answer. */
class AskingStream extends CollectingStream {
  readonly answer: Promise<Message>;
  private settle: ((message: Message) => void) | undefined = undefined;
  private fail: ((error: Error) => void) | undefined = undefined;

  constructor(connection: Connection) {
    super(connection, 0);
    this.answer = new Promise((resolve, reject) => {
      this.settle = resolve;
      this.fail = reject;
    });
  }
  onReset(code: number, why: string): void {
    this.fail?.(new Error(`reset ${code} ${why}`));
  }
  protected onMessage(): void {
    this.settle?.({ fields: this.fields, body: this.body, trailers: this.ending });
  }
}

const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
/** Any octets that node:http2 sends, also such as make nghttp2 use the longest Huffman codes. */
const value = fc.oneof(
  fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/),
  fc
    .string({
      unit: fc.integer({ min: 0x80, max: 0xff }).map((octet) => String.fromCharCode(octet)),
      minLength: 1,
      maxLength: 9,
    })
    .map((odd) => `aeiost${odd}aeiost`),
);
/** Names once each: node:http2 would join others. */
const fields = fc.uniqueArray(fc.tuple(name, value), { selector: ([name]) => name, maxLength: 5 });
const message: fc.Arbitrary<Message> = fc.record({
  fields,
  body: fc.oneof(
    fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[^ -~]/g, "?")),
    fc.nat(120_000).map((length) => "b".repeat(length)),
  ),
  trailers: fields,
});
const messages = fc.array(message, { minLength: 1, maxLength: 12 });
const tableSize = fc.constantFrom(0, 100, 4_096, 65_536);
const windowSize = fc.constantFrom(1_000, 5_000, 65_535, 1_000_000);

const pairs = (headers: http2.IncomingHttpHeaders): readonly Pair[] =>
  Object.entries(headers)
    .filter(([name]) => !name.startsWith(":"))
    .map(([name, value]) => [name, String(value)]);

const failing = {
  closed: () => {},
  failed: (thrown: unknown) => {
    throw thrown;
  },
};

/** Sends a message on a stream of node:http2, after its head. */
function send(stream: http2.Http2Stream, { body, trailers }: Message): void {
  stream.on("wantTrailers", () => stream.sendTrailers(Object.fromEntries(trailers)));
  stream.end(body);
}

async function listening(server: Server | http2.Http2Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Starts our server. Returns its port, and its connections. */
async function ourServer(
  closing: AbortSignal,
): Promise<readonly [port: number, connections: readonly ServerConnection[]]> {
  const connections: ServerConnection[] = [];
  const server = createServer((socket) => {
    const wire = new SocketWire(socket);
    const open = (connection: ServerConnection, id: number) => new EchoingStream(connection, id);
    const connection = new ServerConnection(wire, { open, events: failing, limits }, performance.now());
    wire.connection = connection;
    connections.push(connection);
  });
  closing.addEventListener("abort", () => server.close());
  return [await listening(server), connections];
}

describe("node:http2 as a client of our server", () => {
  it("gets every answer, whatever its tables and windows", async () => {
    await fc.assert(
      fc.asyncProperty(messages, tableSize, windowSize, async (list, headerTableSize, initialWindowSize) => {
        const closing = new AbortController();
        const [port, connections] = await ourServer(closing.signal);
        const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize, initialWindowSize } });
        const answers = list.map(async (message) => {
          const head = { ":method": "POST", ":path": "/", ...Object.fromEntries(message.fields) };
          const stream = session.request(head, {
            waitForTrailers: message.trailers.length > 0,
          } as http2.ClientSessionRequestOptions);
          let trailers: readonly Pair[] = [];
          stream.on("trailers", (headers) => {
            trailers = pairs(headers);
          });
          const response = once(stream, "response");
          send(stream, message);
          let body = "";
          for await (const chunk of stream) body += (chunk as Buffer).toString("latin1");
          const [headers] = (await response) as [http2.IncomingHttpHeaders];
          return { fields: pairs(headers), body, trailers };
        });
        expect(await Promise.all(answers)).toEqual(
          list.map(({ fields, body, trailers }) => ({
            fields,
            body: body + body,
            trailers: [...trailers, ["length", String(2 * body.length)]],
          })),
        );
        const [connection] = connections;
        expect([connection?.active, connection?.queuedOctets, connection?.streams.live.size]).toEqual([0, 0, 0]);
        session.close();
        await once(session, "close");
        closing.abort();
      }),
      { numRuns: 60 },
    );
  });
});

describe("node:http2 as a server of our client", () => {
  it("is understood, whatever its tables and windows", async () => {
    await fc.assert(
      fc.asyncProperty(messages, tableSize, windowSize, async (list, headerTableSize, initialWindowSize) => {
        const server = http2.createServer({ settings: { headerTableSize, initialWindowSize } });
        server.on("stream", async (stream, headers) => {
          let trailers: readonly Pair[] = [];
          stream.on("trailers", (headers) => {
            trailers = pairs(headers);
          });
          let body = "";
          for await (const chunk of stream) body += (chunk as Buffer).toString("latin1");
          const fields = Object.fromEntries(pairs(headers));
          const options = { waitForTrailers: true, sendDate: false };
          stream.respond({ ":status": 200, ...fields }, options);
          send(stream, {
            fields: [],
            body: body + body,
            trailers: [...trailers, ["length", String(2 * body.length)]],
          });
        });
        const port = await listening(server);
        const socket = dial(port, "127.0.0.1");
        const wire = new SocketWire(socket);
        const connection = await new Promise<ClientConnection>((resolve) => {
          const events = { ...failing, opened: () => resolve(client), room: () => {}, leaving: () => {} };
          const client = new ClientConnection(wire, events, performance.now());
          wire.connection = client;
        });
        const answers = list.map(({ fields, body, trailers }) => {
          const stream = new AskingStream(connection);
          const head: Pair[] = [
            [":method", "POST"],
            [":scheme", "http"],
            [":path", "/"],
            // nghttp2 demands one.
            [":authority", "localhost"],
          ];
          connection.start(stream, encodeBlock([...head, ...fields]), performance.now());
          connection.sendData(stream, Buffer.alloc(0), Buffer.from(body, "latin1"), trailers.length === 0);
          if (trailers.length > 0) connection.sendTrailers(stream, encodeBlock(trailers));
          return stream.answer;
        });
        expect(await Promise.all(answers)).toEqual(
          list.map(({ fields, body, trailers }) => ({
            fields,
            body: body + body,
            trailers: [...trailers, ["length", String(2 * body.length)]],
          })),
        );
        expect([connection.active, connection.queuedOctets, connection.streams.live.size]).toEqual([0, 0, 0]);
        connection.goodbye(performance.now());
        server.close();
        await once(socket, "close");
      }),
      { numRuns: 60 },
    );
  });
});
