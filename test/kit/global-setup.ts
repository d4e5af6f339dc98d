import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { startOpenFgaProcess } from "./openfga.js";
import { createDatabaseOn, startPostgres } from "./postgres.js";
import { migrate } from "./server.js";
import { type SharedOpenFga, type SharedPostgres, sharedVariable } from "./shared.js";

let server: Server | undefined;
const stops: (() => Promise<unknown>)[] = [];

/** A stand-in for the console's page where it is not built. */
const page = new URL("../../dist/page/index.html", import.meta.url);

/** Starts PostgreSQL and OpenFGA once for all test files, each when the first test needs it. */
export async function setup(): Promise<void> {
  if (!existsSync(page)) {
    mkdirSync(new URL(".", page), { recursive: true });
    writeFileSync(page, "<!doctype html><title>Not built</title>");
  }
  const parts = new Map<string, () => Promise<unknown>>([
    ["/postgres", startSharedPostgres],
    ["/openfga", startSharedOpenFga],
  ]);
  const started = new Map<string, Promise<unknown>>();
  server = createServer(async ({ url = "" }, response) => {
    try {
      const part = started.get(url) ?? parts.get(url)?.();
      if (!part) throw new Error(`no part ${url}`);
      started.set(url, part);
      response.end(JSON.stringify(await part));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has one
  process.env[sharedVariable] = `http://127.0.0.1:${port}`;
}

export async function teardown(): Promise<void> {
  server?.closeAllConnections();
  server?.close();
  for (const stop of stops.reverse()) await stop();
}

/** Uses PATWARDEN_TEST_DATABASE_URL, else starts a server, and makes a database prepared by `patwarden migrate`. */
async function startSharedPostgres(): Promise<SharedPostgres> {
  let url = process.env["PATWARDEN_TEST_DATABASE_URL"];
  if (url === undefined) {
    const own = await startPostgres({ max_connections: "300" });
    stops.push(own.stop);
    url = own.url;
  }
  const prepared = await createDatabaseOn(url);
  stops.push(prepared.stop);
  await migrate(prepared.url);
  return { url, template: new URL(prepared.url).pathname.slice(1) };
}

async function startSharedOpenFga(): Promise<SharedOpenFga> {
  const { grpc, http, apiKey, stop } = await startOpenFgaProcess();
  stops.push(stop);
  return { grpc, http, apiKey };
}
