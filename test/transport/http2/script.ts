import { HpackDecoder } from "../../../src/transport/hpack/decoder.js";
import { encodeBlock } from "../../../src/transport/hpack/encoder.js";
import { ClientConnection } from "../../../src/transport/http2/client-connection.js";
import type { Connection } from "../../../src/transport/http2/connection.js";
import type { FieldList } from "../../../src/transport/http2/fields.js";
import { errorCodes, flags, frameTypes, writeFrameHeader } from "../../../src/transport/http2/frames.js";
import { preface } from "../../../src/transport/http2/preface.js";
import { ServerConnection, type ServerConnectionLimits } from "../../../src/transport/http2/server-connection.js";
import { type Reset, Stream } from "../../../src/transport/http2/streams.js";
import type { Wire } from "../../../src/transport/http2/wire.js";

// --- Frames as octets ------------------------------------------------------------------------------------------------

export function frame(type: number, frameFlags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const octets = Buffer.alloc(9 + payload.length);
  writeFrameHeader(octets, 0, payload.length, type, frameFlags, id);
  octets.set(payload, 9);
  return octets;
}

const uint32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
};

interface Shape {
  readonly end?: boolean;
  /** Octets of padding; absent: the frame is not padded. */
  readonly padding?: number;
}

function shaped(type: number, id: number, payload: Uint8Array, { end = false, padding }: Shape, more = 0): Buffer {
  const frameFlags = (end ? flags.endStream : 0) | (padding === undefined ? 0 : flags.padded) | more;
  const octets = padding === undefined ? payload : Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]);
  return frame(type, frameFlags, id, octets);
}

export const data = (id: number, octets: string | Uint8Array, shape: Shape = {}): Buffer =>
  shaped(frameTypes.data, id, typeof octets === "string" ? Buffer.from(octets) : octets, shape);

/** A header block whose frame ends it unless `more` is set. */
export const headers = (
  id: number,
  block: Uint8Array,
  { more = false, dependsOn, ...shape }: Shape & { readonly more?: boolean; readonly dependsOn?: number } = {},
): Buffer => {
  const priority = dependsOn === undefined ? Buffer.alloc(0) : Buffer.concat([uint32(dependsOn), Buffer.of(15)]);
  const extra = (more ? 0 : flags.endHeaders) | (dependsOn === undefined ? 0 : flags.priority);
  return shaped(frameTypes.headers, id, Buffer.concat([priority, block]), shape, extra);
};
export const continuation = (id: number, block: Uint8Array, more = false): Buffer =>
  frame(frameTypes.continuation, more ? 0 : flags.endHeaders, id, block);
export const rst = (id: number, code: number = errorCodes.cancel): Buffer =>
  frame(frameTypes.rstStream, 0, id, uint32(code));
export const windowUpdate = (id: number, increment: number): Buffer =>
  frame(frameTypes.windowUpdate, 0, id, uint32(increment));
export const settings = (...entries: readonly (readonly [id: number, value: number])[]): Buffer =>
  frame(frameTypes.settings, 0, 0, Buffer.concat(entries.flatMap(([id, value]) => [Buffer.of(0, id), uint32(value)])));
export const settingsAck: Buffer = frame(frameTypes.settings, flags.ack, 0);
export const ping = (text = "pingping", frameFlags = 0): Buffer =>
  frame(frameTypes.ping, frameFlags, 0, Buffer.from(text));
export const goaway = (lastId: number, code: number = errorCodes.noError, id = 0): Buffer =>
  frame(frameTypes.goaway, 0, id, Buffer.concat([uint32(lastId), uint32(code)]));

export type Pair = readonly [name: string, value: string];

/** A block of these fields, without the table. */
export const block = (...fields: readonly Pair[]): Buffer => encodeBlock(fields);
export const requestFields: readonly Pair[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/echo"],
  [":authority", "localhost"],
];
export const request: Buffer = block(...requestFields);
/** Returns the request with other fields, and those added. */
export function requestWith(replaced: Readonly<Record<string, string>>, ...added: readonly Pair[]): Buffer {
  return block(...requestFields.map(([name, value]): Pair => [name, replaced[name] ?? value]), ...added);
}

// --- Octets as text --------------------------------------------------------------------------------------------------

const codeNames = new Map<number, string>(Object.entries(errorCodes).map(([name, code]) => [code, constant(name)]));
const typeNames = new Map<number, string>(Object.entries(frameTypes).map(([name, type]) => [type, constant(name)]));

function constant(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

export interface Frame {
  readonly type: string;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export function framesOf(octets: Buffer): readonly Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = octets.readUIntBE(at, 3);
    const end = at + 9 + length;
    if (end > octets.length) throw new Error("an unfinished frame was sent");
    frames.push({
      type: typeNames.get(octets[at + 3] as number) ?? "UNKNOWN",
      flags: octets[at + 4] as number,
      id: octets.readUInt32BE(at + 5),
      payload: octets.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

/** Renders a frame in one line: `RST_STREAM 1 CANCEL`, `DATA 1 "ok" END_STREAM`. */
export function textOf({ type, flags: frameFlags, id, payload }: Frame): string {
  const end = frameFlags & flags.endStream ? " END_STREAM" : "";
  switch (type) {
    case "DATA":
      return `DATA ${id} "${payload.length > 20 ? payload.length : payload.toString("latin1")}"${end}`;
    case "HEADERS":
      return `HEADERS ${id}${end}${frameFlags & flags.endHeaders ? "" : " ..."}`;
    case "CONTINUATION":
      return `CONTINUATION ${id}${frameFlags & flags.endHeaders ? "" : " ..."}`;
    case "SETTINGS":
    case "PING":
      return frameFlags & flags.ack ? `${type} ACK` : type;
    case "RST_STREAM":
      return `RST_STREAM ${id} ${codeNames.get(payload.readUInt32BE(0))}`;
    case "GOAWAY":
      return `GOAWAY ${payload.readUInt32BE(0)} ${codeNames.get(payload.readUInt32BE(4))}`;
    case "WINDOW_UPDATE":
      return `WINDOW_UPDATE ${id} ${payload.readUInt32BE(0)}`;
    default:
      return type;
  }
}

// --- A wire without a socket -----------------------------------------------------------------------------------------

/** Keeps what is written. Flushes and turns run in `settle`. */
export class ScriptedWire implements Wire {
  connection: Connection | undefined = undefined;
  readonly chunks: Buffer[] = [];
  /** The ends of the wire itself. */
  readonly ends: ("end" | "destroy")[] = [];
  /** Whether the peer reads. */
  isReading = true;
  isPaused = false;
  unsent = 0;
  now = 0;
  private flushDue = false;
  private turnDue = false;

  write(octets: Uint8Array): boolean {
    this.chunks.push(Buffer.from(octets));
    if (!this.isReading) this.unsent += octets.length;
    return this.isReading;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  flushSoon(): void {
    this.flushDue = true;
  }
  turnSoon(): void {
    this.turnDue = true;
  }
  end(): void {
    this.ends.push("end");
  }
  destroy(): void {
    this.ends.push("destroy");
  }

  /** Runs what was asked for later, until nothing is. */
  settle(): void {
    while (this.flushDue || this.turnDue) {
      if (this.flushDue) {
        this.flushDue = false;
        this.connection?.flush(this.now);
      } else {
        this.turnDue = false;
        this.connection?.turn(this.now);
      }
    }
  }

  /** Lets the peer read everything. */
  drain(): void {
    this.isReading = true;
    this.unsent = 0;
    this.connection?.drained(this.now);
    this.settle();
  }

  /** Returns what was written since, and forgets it. */
  take(): Buffer {
    return Buffer.concat(this.chunks.splice(0));
  }
}

// --- Ends of a connection --------------------------------------------------------------------------------------------

/**
 * Logs its calls, and answers as its path says: `/echo` once the request has ended, `/wait` never, `/early` at
 * once. `/hold` gives no credit. `/echo/99` answers with 99 octets.
 */
export class ScriptedStream extends Stream {
  readonly calls: string[];
  head: FieldList | undefined = undefined;
  received = 0;
  answer: Buffer = Buffer.from("ok");

  constructor(connection: Connection, id: number, calls: string[]) {
    super(connection, id);
    this.calls = calls;
  }

  onHead(head: FieldList, isEnd: boolean): void {
    this.head = head;
    this.calls.push(`head ${this.id} ${head.path ?? head.status}${isEnd ? " end" : ""}`);
    if (head.path === "/throw") throw new Error("a handler threw");
    const length = /^\/echo\/(\d+)$/.exec(head.path ?? "")?.[1];
    if (length !== undefined) this.answer = Buffer.alloc(Number(length), "a");
    if (head.path === "/early") {
      this.connection.sendHead(this, responseHead, true);
      this.release();
    } else if (isEnd) this.end();
  }

  onData(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    this.received += end - start;
    this.calls.push(`data ${this.id} ${octets.toString("latin1", start, end)}${isEnd ? " end" : ""}`);
    if (this.head?.path !== "/hold") this.credit(end - start);
    if (isEnd) this.end();
  }

  onTrailers(trailers: FieldList): void {
    const names = trailers.fields.map(({ name, value }) => `${name}=${value}`);
    this.calls.push(`trailers ${this.id} ${names.join()}`);
    this.end();
  }

  onReset(code: number, why: Reset): void {
    this.calls.push(`reset ${this.id} ${codeNames.get(code)} ${why}`);
    if (this.head?.path !== "/wait-on") this.release();
  }

  /** Answers, when it is a server's and is to answer. */
  private end(): void {
    if (this.head?.path?.startsWith("/wait") === false) this.respond();
  }

  respond(): void {
    this.connection.sendHead(this, responseHead, false);
    this.connection.sendData(this, Buffer.alloc(0), this.answer, true);
    this.release();
  }
}

export const responseHead: Buffer = block([":status", "200"]);

export const limits: ServerConnectionLimits = {
  helloMs: 10_000,
  concurrentStreams: 250,
  maxAgeMs: 0,
  maxIdleMs: 0,
  graceMs: 30_000,
  keepaliveMs: 0,
  keepaliveTimeoutMs: 20_000,
};

abstract class ScriptedEnd<C extends Connection> {
  readonly wire = new ScriptedWire();
  readonly calls: string[] = [];
  readonly closures: string[] = [];
  readonly failures: unknown[] = [];
  abstract readonly connection: C;
  protected readonly events = {
    closed: (closure: string) => {
      this.closures.push(closure);
    },
    failed: (thrown: unknown) => {
      this.failures.push(thrown);
    },
  };

  /** Gives octets to the connection, all in one chunk, and lets everything happen that follows. */
  receive(...octets: readonly Uint8Array[]): this {
    const chunk = Buffer.concat(octets);
    this.connection.receive(chunk, this.wire.now);
    this.wire.settle();
    // Nothing that was read may be kept as a view of the chunk.
    if (!this.wire.isPaused) chunk.fill(0xee);
    return this;
  }

  /** Lets time pass in steps of a quarter of a second. */
  pass(ms: number): this {
    const end = this.wire.now + ms;
    while (this.wire.now < end) {
      this.wire.now = Math.min(this.wire.now + 250, end);
      this.connection.tick(this.wire.now);
      this.wire.settle();
    }
    return this;
  }

  /** Returns the frames that were sent since, as text, and forgets them. What was done to the wire comes last. */
  sent(): readonly string[] {
    return [...framesOf(this.wire.take()).map(textOf), ...this.wire.ends.splice(0)];
  }
}

/** A server without a socket. */
export class ScriptedServer extends ScriptedEnd<ServerConnection> {
  readonly connection: ServerConnection;
  /** Those that were opened, in order. */
  readonly streams: ScriptedStream[] = [];

  constructor(changed: Partial<ServerConnectionLimits> = {}) {
    super();
    this.connection = new ServerConnection(
      this.wire,
      {
        open: (connection, id) => {
          const stream = new ScriptedStream(connection, id, this.calls);
          this.streams.push(stream);
          return stream;
        },
        events: this.events,
        limits: { ...limits, ...changed },
      },
      0,
    );
    this.wire.connection = this.connection;
  }

  /** Sends what a client begins with; what the server says to it is forgotten. */
  open(...entries: readonly (readonly [id: number, value: number])[]): this {
    this.receive(preface, settings(...entries), settingsAck);
    this.sent();
    return this;
  }
}

/** A client without a socket. */
export class ScriptedClient extends ScriptedEnd<ClientConnection> {
  readonly connection: ClientConnection;

  constructor() {
    super();
    this.connection = new ClientConnection(
      this.wire,
      {
        ...this.events,
        opened: () => this.calls.push("opened"),
        room: () => {},
        leaving: () => this.calls.push("leaving"),
      },
      0,
    );
    this.wire.connection = this.connection;
  }

  /** Sends what a server begins with; what the client said is forgotten. */
  open(...entries: readonly (readonly [id: number, value: number])[]): this {
    this.receive(settings(...entries), settingsAck);
    this.wire.take();
    this.calls.length = 0;
    return this;
  }

  /** Sends a request without a body, or the head of one. Returns its stream. */
  start(isEnd = true): ScriptedStream {
    const stream = new ScriptedStream(this.connection, 0, this.calls);
    this.connection.start(stream, request, this.wire.now);
    if (isEnd) this.connection.sendData(stream, Buffer.alloc(0), Buffer.alloc(0), true);
    this.wire.settle();
    return stream;
  }
}

/** Decodes blocks of one direction of a connection. */
export class Fields {
  private readonly decoder = new HpackDecoder({ listSize: 1e9, fields: 1e9, decoded: 1e9, decodedFields: 1e9 });

  of(octets: Uint8Array): readonly Pair[] {
    const fields: Pair[] = [];
    this.decoder.decode(octets, 0, octets.length, { add: ({ name, value }) => fields.push([name, value]) });
    return fields;
  }
}
