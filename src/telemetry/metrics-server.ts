import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { formatHostPort, type HostPort } from "../domain/host-port.js";
import { listenError } from "../transport/listen-error.js";

export interface MetricsServerOptions {
  readonly listen: HostPort;
}

export interface MetricsServer {
  /** `HOST:PORT` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

/** Serves the registry at `GET /metrics`. Resolves when it listens, rejects when it cannot. */
export async function createMetricsServer(
  { listen }: MetricsServerOptions,
  registry: Registry,
): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    if (request.url !== "/metrics") return response.writeHead(404).end();
    if (request.method !== "GET" && request.method !== "HEAD")
      return response.writeHead(405, { allow: "GET, HEAD" }).end();
    try {
      const text = await registry.metrics();
      return response.writeHead(200, { "content-type": registry.contentType }).end(text);
    } catch {
      return response.writeHead(500).end();
    }
  });
  server.listen(listen.port, listen.host);
  await once(server, "listening").catch((error: unknown) => {
    throw listenError(formatHostPort(listen), error);
  });
  return { address: boundAddress(server), close: () => close(server) };
}

function boundAddress(server: Server): string {
  const { address, port } = server.address() as AddressInfo; // it listens on a port, not on a path
  return formatHostPort({ host: address, port });
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close(); // since Node 19 this also ends the idle connections that scrapers keep
  await closed;
}
