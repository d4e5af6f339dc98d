import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { selfSigned } from "../kit/self-signed.js";
import { TestService } from "./gen/grpc/testing/testing_pb.js";
import { expectKnown, readH2specReport } from "./h2spec-report.js";
import { knownDifferences } from "./known-differences.js";
import { requestOnce } from "./plain-client.js";
import { openRawCall } from "./raw-client.js";
import type { Engine } from "./raw-server.js";
import { haveSuite, runSuite } from "./suites.js";

const folder = mkdtempSync(join(tmpdir(), "patwarden-h2specd-"));
const own = selfSigned();
const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
writeFileSync(certFile, own.cert);
writeFileSync(keyFile, own.key);
afterAll(() => rmSync(folder, { recursive: true }));

/** Milliseconds that a call waits for its answer: more than h2specd waits for a frame, and less than for a client. */
const patienceMs = 1_500;

/** Makes one call by the engine, over a connection of its own, and waits for its end. */
async function callOnce(engine: Engine, url: URL): Promise<void> {
  const { protocol, hostname, port } = url;
  if (engine === "builtin") return requestOnce(url, protocol === "https:" ? own.cert : undefined, patienceMs);
  const tls = protocol === "https:" ? { ca: own.cert } : undefined;
  const target = { host: hostname, port: Number(port), tls, receiveLimit: 1 << 20 };
  const request = { method: TestService.method.emptyCall, metadata: [], timeoutMs: patienceMs, gzip: false };
  const call = openRawCall(engine, target, request);
  call.send(new Uint8Array());
  call.closeSend();
  await call.answer;
}

/** Returns the first of 57 ports for the cases of h2specd, below those that the system gives away. */
const anyPort = (): number => 20_000 + 100 * Math.floor(Math.random() * 120);

/** Runs h2specd, whose clients ask this process for their call. */
async function tryClient(engine: Engine, flags: readonly string[]): Promise<string> {
  const defects: unknown[] = [];
  const asked = createServer({ allowHalfOpen: true }, async (socket) => {
    try {
      await callOnce(engine, new URL(await text(socket)));
    } catch (error) {
      defects.push(error);
    } finally {
      socket.end();
    }
  });
  asked.listen(0, "127.0.0.1");
  await once(asked, "listening");
  const { port } = asked.address() as AddressInfo; // it listens on TCP
  // h2specd splits the command at spaces: a path from here has none.
  const client = relative(process.cwd(), fileURLToPath(new URL("h2-client.mjs", import.meta.url)));
  let output = "";
  // It gives up when a port is taken, and when one client takes 3 s, which happens on a busy machine.
  for (let attempt = 0; attempt < 3 && !/^57 tests/m.test(output); attempt++) {
    defects.length = 0;
    const address = ["-h", "127.0.0.1", "-f", String(anyPort()), "-o", "1"];
    ({ output } = await runSuite("h2specd", [...address, ...flags, "-e", `node ${client} ${port}`], 60_000));
  }
  asked.close();
  expect(defects).toEqual([]);
  return output;
}

describe.skipIf(!haveSuite("h2specd"))("h2specd finds nothing but the known differences", () => {
  const cases: readonly { engine: Engine; way: string; flags: readonly string[] }[] = [
    { engine: "builtin", way: "plaintext", flags: [] },
    { engine: "builtin", way: "TLS", flags: ["-t", "-c", certFile, "-k", keyFile] },
    { engine: "grpc-js", way: "plaintext", flags: [] },
  ];
  it.each(cases)("in a client of $engine over $way", { timeout: 180_000 }, async ({ engine, flags }) => {
    const report = readH2specReport(await tryClient(engine, flags));
    expectKnown(report, 57, knownDifferences[engine].h2specd);
  });
});
