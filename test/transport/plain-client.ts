import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { encodeBlock } from "../../src/transport/hpack/encoder.js";
import { ClientConnection } from "../../src/transport/http2/client-connection.js";
import { Stream } from "../../src/transport/http2/streams.js";
import { SocketWire } from "../../src/transport/net/socket-wire.js";

const nothing = Buffer.alloc(0);
const body = Buffer.from("a request");

/** A request of which only the end counts. */
class PlainRequest extends Stream {
  readonly ended: Promise<void>;
  #settle: () => void = () => undefined;

  constructor(connection: ClientConnection) {
    super(connection, 0);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  onHead(_head: unknown, isEnd: boolean): void {
    if (isEnd) this.#end();
  }

  onData(_octets: Buffer, start: number, end: number, isEnd: boolean): void {
    this.credit(end - start);
    if (isEnd) this.#end();
  }

  onTrailers(): void {
    this.#end();
  }

  onReset(): void {
    this.#end();
  }

  #end(): void {
    this.release();
    this.#settle();
  }
}

/** Milliseconds for which the connection stays after an answer: a server may send more, which is wrong then. */
const afterwardsMs = 200;

/**
 * Makes one request by the built-in engine over a connection of its own. Resolves when that has closed: by the server,
 * by a fault, some time after the answer, or when there was none for `patienceMs`. `ca` is a PEM text; without it, the
 * connection is plaintext.
 */
export async function requestOnce(url: URL, ca: Buffer | undefined, patienceMs: number): Promise<void> {
  const address = { host: url.hostname, port: Number(url.port) };
  const socket: Socket = ca
    ? connectTls({ ...address, ca, ALPNProtocols: ["h2"] })
    : connect({ ...address, noDelay: true });
  await once(socket, ca ? "secureConnect" : "connect");
  const closed = new Promise<unknown>((resolve) => socket.once("close", resolve));
  const wire = new SocketWire(socket);
  const connection = new ClientConnection(
    wire,
    {
      opened: () => ask(),
      room: () => undefined,
      leaving: () => undefined,
      closed: () => undefined,
      failed: (thrown) => process.stderr.write(`a defect: ${thrown}\n`),
    },
    performance.now(),
  );
  const stream = new PlainRequest(connection);
  const ask = (): void => {
    const fields: [string, string][] = [
      [":method", "POST"],
      [":scheme", url.protocol.slice(0, -1)],
      [":path", url.pathname],
      [":authority", url.host],
    ];
    connection.start(stream, encodeBlock(fields), performance.now());
    connection.sendData(stream, nothing, body, true);
    connection.flush(performance.now());
  };
  wire.attach(connection);
  const ticking = setInterval(() => connection.tick(performance.now()), 100);
  const answered = stream.ended.then(() => sleep(afterwardsMs));
  await Promise.race([closed, answered, sleep(patienceMs)]);
  connection.goodbye(performance.now());
  await closed;
  clearInterval(ticking);
}
