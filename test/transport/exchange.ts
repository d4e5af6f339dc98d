import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { flags } from "../../src/transport/http2/frames.js";
import { preface } from "../../src/transport/http2/preface.js";
import { Fields, type Frame, framesOf, type Pair, ping, settings, settingsAck, textOf } from "./http2/script.js";

/** An answer as it was on the wire. */
export interface Exchanged {
  /** The blocks of HEADERS: the head and the trailers, or one for both. */
  readonly blocks: readonly (readonly Pair[])[];
  readonly data: Buffer;
  /** `END_STREAM`, the frame that broke it off, or `closed`. */
  readonly end: string;
}

/** A client of HTTP/2 that sends just the octets that it is given, on one connection, for one stream. */
export class RawExchange {
  readonly #socket: Socket;
  readonly #fields = new Fields();
  readonly #id: number;
  readonly #blocks: (readonly Pair[])[] = [];
  #data: Buffer = Buffer.alloc(0);
  #end: string | undefined = undefined;
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, id: number) {
    this.#socket = socket;
    this.#id = id;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#finish("closed"));
  }

  /** Connects, and reads the answer to stream `id`. */
  static async open(address: string, id = 1): Promise<RawExchange> {
    const [host, port] = address.split(":");
    const socket = connect(Number(port), host);
    await once(socket, "connect");
    const exchange = new RawExchange(socket, id);
    exchange.send(preface, settings());
    return exchange;
  }

  send(...octets: readonly Uint8Array[]): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(octets));
  }

  /** Resolves when this many octets of DATA have arrived, or the stream has ended. */
  async received(octets: number): Promise<void> {
    while (this.#data.length < octets && this.#end === undefined) await this.#change();
  }

  /** Says that the stream was reset by this side: no answer is waited for. */
  left(): void {
    this.#finish("left");
  }

  /** Resolves when the stream has ended, and closes the connection. */
  async ended(): Promise<Exchanged> {
    while (this.#end === undefined) await this.#change();
    this.close();
    return { blocks: this.#blocks, data: this.#data, end: this.#end };
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #finish(end: string): void {
    this.#end ??= end;
    this.#wake();
  }

  #read(chunk: Buffer): void {
    const octets = Buffer.concat([this.#rest, chunk]);
    let end = 0;
    while (octets.length >= end + 9 && octets.length >= end + 9 + octets.readUIntBE(end, 3)) {
      end += 9 + octets.readUIntBE(end, 3);
    }
    this.#rest = octets.subarray(end);
    for (const frame of framesOf(octets.subarray(0, end))) this.#take(frame);
    this.#wake();
  }

  #take(frame: Frame): void {
    const { type, id, payload } = frame;
    if (type === "SETTINGS" && !(frame.flags & flags.ack)) this.send(settingsAck);
    else if (type === "PING" && !(frame.flags & flags.ack)) this.send(ping(payload.toString("latin1"), 1));
    else if (type === "HEADERS") {
      // Blocks of other streams change the table, too.
      const fields = this.#fields.of(payload);
      if (id === this.#id) this.#blocks.push(fields);
    } else if (type === "DATA" && id === this.#id) this.#data = Buffer.concat([this.#data, payload]);
    else if (type === "RST_STREAM" && id === this.#id) this.#finish(textOf(frame).replace(` ${id}`, ""));
    else if (type === "GOAWAY" && payload.readUInt32BE(4) !== 0) {
      this.#finish(textOf(frame).replace(/ \d+/, ""));
    }
    if (id === this.#id && (type === "HEADERS" || type === "DATA") && frame.flags & flags.endStream) {
      this.#finish("END_STREAM");
    }
  }
}
