import { once } from "node:events";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** A program on a loopback port that is not Patwarden. */
export interface StandIn {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

/** Answers every HTTP/2 request with a 307 redirect to a port that no client should connect to. */
export interface RedirectingServer extends StandIn {
  /** The number of connections that the other port has received. */
  followed(): number;
}

export async function startRedirecting(): Promise<RedirectingServer> {
  let followed = 0;
  const elsewhere = await listen(
    createServer((socket) => {
      followed += 1;
      socket.destroy();
    }),
  );
  const redirecting = await listen(
    createHttp2Server((request, response) => {
      response.writeHead(307, { location: `http://${elsewhere.address}${request.url}` }).end();
    }),
  );
  return {
    address: redirecting.address,
    followed: () => followed,
    close: async () => void (await Promise.all([redirecting.close(), elsewhere.close()])),
  };
}

/** Accepts connections and never sends anything. */
export function startSilent(): Promise<StandIn> {
  return listen(createServer((socket) => socket.resume()));
}

/** Nobody listens on this port, and only a superuser could. */
export const absent = "127.0.0.1:1";

async function listen(server: Server): Promise<StandIn> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has one
  return {
    address: `127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
