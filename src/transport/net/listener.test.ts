import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { selfSigned } from "../../../test/kit/self-signed.js";
import { ScriptedStream } from "../../../test/transport/http2/script.js";
import { Listener, type TlsFiles } from "./listener.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listening(tls?: TlsFiles) {
  const listener = await Listener.open({
    host: "127.0.0.1",
    port: 0,
    tls,
    addressKey: String,
    peerOf: () => undefined,
    open: (connection, id) => new ScriptedStream(connection, id, []),
    events: { closed: () => undefined, failed: () => undefined },
  });
  ends.push(() => listener.drain(0));
  return listener;
}

/** Resolves to whether the server speaks HTTP/2 over TLS on this connection. */
function speaks(socket: ReturnType<typeof connect>, own: { readonly cert: Buffer; readonly key: Buffer }) {
  const secure = connectTls({ socket, ALPNProtocols: ["h2"], rejectUnauthorized: false, ...own });
  ends.push(() => secure.destroy());
  secure.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  return new Promise<boolean>((resolve) => {
    secure.once("data", () => resolve(true));
    secure.on("error", () => resolve(false)).once("close", () => resolve(false));
  });
}

it("trusts no client of an authority that was replaced, not even one whose handshake had begun", async () => {
  const [keys, first, second] = [selfSigned(), selfSigned(), selfSigned()];
  const listener = await listening({ ...keys, clientCa: first.cert });
  const dialled = async () => {
    const socket = connect(listener.port, "127.0.0.1").on("error", () => undefined);
    ends.push(() => socket.destroy());
    await once(socket, "connect");
    return socket;
  };
  const early = await dialled();
  // The server has accepted it once it serves one that came later.
  expect(await speaks(await dialled(), first)).toBe(true);
  listener.renew({ ...keys, clientCa: second.cert });
  expect(await speaks(early, first)).toBe(false);
  expect(await speaks(await dialled(), second)).toBe(true);
});

it("greets a client that says nothing", async () => {
  const { port } = await listening();
  const socket = connect(port, "127.0.0.1");
  ends.push(() => socket.destroy());
  const [octets]: Buffer[] = await once(socket, "data");
  // The type of a SETTINGS frame.
  expect(octets?.[3]).toBe(4);
});
