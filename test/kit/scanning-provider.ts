import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

/** A key pair of the provider, or of another party. */
export interface ScanningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicPem: string;
}

/** A secret-scanning program on loopback that publishes its keys as GitHub does, and signs as it does. */
export interface TestProvider {
  /** The URL of its keys. */
  readonly url: string;
  /** Publishes these keys from now on; it signs with the first. */
  publish(...keys: readonly ScanningKey[]): void;
  /** Answers requests for keys with this status and text; undefined: with the keys. */
  answer(instead: { readonly status: number; readonly text: string } | undefined): void;
  /** Requests so far; the second number counts those that were answered 304. */
  readonly fetches: readonly [all: number, unchanged: number];
  /** `authorization` of the last request. */
  readonly authorization: string | undefined;
  /** Returns the headers of a signed report, with GitHub's names or those of another provider. */
  sign(body: string, over?: { readonly name?: string; readonly key?: ScanningKey }): [string, string][];
  stop(): Promise<void>;
}

let made = 0;

export function makeScanningKey(): ScanningKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  made += 1;
  return { id: `key-${made}`, privateKey, publicPem: publicKey.export({ type: "spki", format: "pem" }).toString() };
}

export async function startScanningProvider(): Promise<TestProvider> {
  let keys: readonly ScanningKey[] = [makeScanningKey()];
  let instead: { readonly status: number; readonly text: string } | undefined;
  let authorization: string | undefined;
  const fetches: [number, number] = [0, 0];
  const server = createServer((request, response) => {
    fetches[0] += 1;
    authorization = request.headers.authorization;
    const etag = `"${keys.map(({ id }) => id).join()}"`;
    if (instead) response.writeHead(instead.status).end(instead.text);
    else if (request.headers["if-none-match"] === etag) {
      fetches[1] += 1;
      response.writeHead(304).end();
    } else {
      const published = keys.map(({ id, publicPem }) => ({ key_identifier: id, key: publicPem, is_current: true }));
      response.writeHead(200, { etag, "content-type": "application/json" });
      response.end(JSON.stringify({ public_keys: published }));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return {
    url: `http://127.0.0.1:${address.port}/keys`,
    publish(...next) {
      keys = next;
    },
    answer(next) {
      instead = next;
    },
    fetches,
    get authorization() {
      return authorization;
    },
    sign(body, { name = "Github", key = keys[0] } = {}) {
      if (!key) throw new Error("the provider publishes no key");
      const signature = createSign("sha256").update(body).sign(key.privateKey, "base64");
      return [
        [`${name}-Public-Key-Identifier`, key.id],
        [`${name}-Public-Key-Signature`, signature],
      ];
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
