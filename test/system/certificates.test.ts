import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Authority, createAuthority, expired, type Identity, loopback } from "../kit/authority.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { Server } from "../kit/server.js";

let authority: Authority;
let other: Authority;
let patwarden: Patwarden;
let server: Server;
let folder: string;
const file = (name: string): string => join(folder, name);

/** Puts these certificates where the configuration says. */
function place({ certFile, keyFile }: Identity, clientCa: Authority): void {
  copyFileSync(keyFile, file("tls.key"));
  copyFileSync(clientCa.certFile, file("ca.crt"));
  copyFileSync(certFile, file("tls.crt"));
}

beforeAll(async () => {
  [authority, other] = [createAuthority(), createAuthority()];
  folder = mkdtempSync(join(tmpdir(), "patwarden-certificates-"));
  patwarden = await startPatwarden();
});
afterAll(async () => {
  await server?.stop();
  await patwarden?.stop();
  rmSync(folder, { recursive: true });
  for (const each of [authority, other]) each.remove();
});

/** Connects over HTTP/2 and waits until the server has accepted the client's certificate. */
async function connect(address: string, identity: Identity): Promise<http2.ClientHttp2Session> {
  const { cert, key } = identity;
  const ca = [authority.cert, other.cert];
  const session = http2.connect(`https://${address}`, { ca, cert, key, servername: "localhost" });
  session.on("error", () => undefined);
  await once(session, "remoteSettings");
  return session;
}

/** The lines of the server's log with this text. */
const lines = (text: string): readonly unknown[] =>
  server
    .log()
    .split("\n")
    .filter((line) => line.includes(text))
    .map((line) => JSON.parse(line));

const serialOf = (session: http2.ClientHttp2Session): string =>
  (session.socket as tls.TLSSocket).getPeerCertificate().serialNumber;

describe("the certificates of the ports", () => {
  it("are taken up when their files change; connections stay, unless their authority is another one", async () => {
    const [first, second] = [authority.issue(loopback, "server"), authority.issue(loopback, "server")];
    const client = authority.issue({ "URI.1": "spiffe://test/orders" }, "client");
    place(first, authority);
    const listener = {
      listen: "127.0.0.1:0",
      tls: { cert: file("tls.crt"), key: file("tls.key"), client_ca: file("ca.crt") },
    };
    server = await patwarden.startReplica({ config: { grpc: { ...listener, engine: "builtin" }, http: listener } });
    const ports = [server.grpc, server.http.replace(/^https?:\/\//, "")];
    const kept = await Promise.all(ports.map((port) => connect(port, client)));
    const before = kept.map(serialOf);

    const serials = async (): Promise<string[]> => {
      const sessions = await Promise.all(ports.map((port) => connect(port, client)));
      for (const session of sessions) session.destroy();
      return sessions.map(serialOf);
    };
    place(second, authority);
    await expect
      .poll(async () => (await serials()).filter((serial) => before.includes(serial)), { timeout: 30_000 })
      .toEqual([]);
    expect(kept.map(({ closed }) => closed)).toEqual([false, false]);
    const { subject, validTo } = new X509Certificate(second.cert);
    const used = {
      subject,
      notAfter: new Date(validTo).toISOString(),
      msg: "uses the new certificates for new connections",
    };
    expect(lines("uses the new certificates")).toMatchObject([
      { port: "grpc", ...used },
      { port: "http", ...used },
    ]);

    // An expired certificate is not taken up, nor is one that cannot be read.
    writeFileSync(file("tls.crt"), expired(second));
    await expect.poll(() => lines("have expired"), { timeout: 30_000 }).toHaveLength(1);
    expect(lines("have expired")).toMatchObject([
      { level: "error", expired: [{ port: "grpc" }, { port: "http", notAfter: "2020-01-01T00:00:00.000Z" }] },
    ]);
    renameSync(file("tls.crt"), file("away.crt"));
    await expect.poll(() => lines("cannot read this file"), { timeout: 30_000 }).toHaveLength(1);
    expect(lines("cannot read this file")).toMatchObject([{ level: "error", file: file("tls.crt") }]);
    const inUse = new X509Certificate(second.cert).serialNumber;
    expect(await serials()).toEqual([inUse, inUse]);

    // A client that is no longer trusted is asked to end, and cannot come back.
    const [onGrpc] = kept;
    const asked = onGrpc && once(onGrpc, "goaway");
    place(second, other);
    await asked;
    const welcome = other.issue({ "URI.1": "spiffe://test/orders" }, "client");
    for (const port of ports) {
      (await connect(port, welcome)).destroy();
      const [host, number] = port.split(":");
      const { cert, key } = client;
      const refused = tls.connect({ host, port: Number(number), ca: authority.cert, cert, key, ALPNProtocols: ["h2"] });
      refused.on("error", () => undefined).resume();
      await once(refused, "close");
    }
    for (const session of kept) session.destroy();
  });
});
