import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";

/** A name at which pages have no TLS and are no loopback to a browser, so that it offers them no clipboard. */
export interface PlainName {
  /** `http://tokens.test:PORT`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves the console at `to` under such a name, and rewrites the origin that the console looks at. */
export async function startPlainName(to: string): Promise<PlainName> {
  const { hostname, port } = new URL(to);
  const server = createServer((request, response) => {
    const headers = { ...request.headers, host: `${hostname}:${port}`, ...(request.headers.origin && { origin: to }) };
    const passed = httpRequest({ hostname, port, method: request.method, path: request.url, headers }, (answer) => {
      // Browsers complain that they ignore it without TLS.
      const { "cross-origin-opener-policy": _, ...others } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, others);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    request.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://tokens.test:${(server.address() as AddressInfo).port}`, // a TCP server has a port
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
