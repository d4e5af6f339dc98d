import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Actions on a running environment, by path. */
export type Actions = Readonly<Record<string, () => void | Promise<void>>>;

export interface Control {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  close(): Promise<void>;
}

/** POST of a path runs its action and answers 204 when it is done. GET of a path answers with its count. */
export async function startControl(
  actions: Actions,
  counters: Readonly<Record<string, () => number>>,
): Promise<Control> {
  const server = createServer(async ({ method, url = "" }, response) => {
    const action = method === "POST" ? actions[url] : undefined;
    const counter = method === "GET" ? counters[url] : undefined;
    if (counter) return void response.end(String(counter()));
    if (!action) return void response.writeHead(404).end();
    try {
      await action();
      response.writeHead(204).end();
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has one
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
