import { encodeBlock } from "../../src/transport/hpack/encoder.js";
import type { Connection } from "../../src/transport/http2/connection.js";
import type { FieldList } from "../../src/transport/http2/fields.js";
import { Stream } from "../../src/transport/http2/streams.js";
import { Listener } from "../../src/transport/net/listener.js";
import type { RawServer, RawServerOptions } from "./raw-server.js";

const head = encodeBlock([
  [":status", "200"],
  ["content-type", "text/plain"],
]);
const nothing = Buffer.alloc(0);
const body = Buffer.from("32 octets, for all that ask here");

/** Answers with a head and a body once the request has ended. */
class PlainStream extends Stream {
  onHead(_head: FieldList, isEnd: boolean): void {
    if (isEnd) this.#answer();
  }

  onData(_octets: Buffer, start: number, end: number, isEnd: boolean): void {
    if (isEnd) this.#answer();
    else this.credit(end - start);
  }

  onTrailers(): void {
    this.#answer();
  }

  onReset(): void {
    this.release();
  }

  #answer(): void {
    this.connection.sendHead(this, head, false);
    this.connection.sendData(this, nothing, body, true);
    this.release();
  }
}

/** Serves plain HTTP/2 by the built-in engine: h2spec asks for a body, and for an answer after the whole request. */
export async function startPlainServer({ tls }: Pick<RawServerOptions, "tls">): Promise<RawServer> {
  const listener = await Listener.open({
    host: "127.0.0.1",
    port: 0,
    tls,
    addressKey: () => "",
    peerOf: () => undefined,
    open: (connection: Connection, id: number) => new PlainStream(connection, id),
    events: { closed: () => undefined, failed: (thrown) => process.stderr.write(`a defect: ${thrown}\n`) },
  });
  return { port: listener.port, stop: () => void listener.drain(0) };
}
