import { once } from "node:events";
import { createServer } from "node:net";
import { formatHostPort, type HostPort } from "../../domain/host-port.js";
import { startHttpListener } from "../../transport/http-listener.js";
import { listenError } from "../../transport/listen-error.js";
import { type Route, send } from "../../transport/route.js";

/** A server of `patwarden dev` beside the service itself. */
export interface Listening {
  /** `http://HOST:PORT`. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves routes at a loopback address with a port other than 0. Requests for another host name are refused: a page of
 * the internet can have its own name lead to this machine.
 */
export async function listen(at: HostPort, routes: readonly Route[]): Promise<Listening> {
  const address = formatHostPort(at);
  const listener = await startHttpListener({
    listen: address,
    routes: routes.map((route) => ({
      ...route,
      handle(request, response) {
        if (request.headers.host === address) return route.handle(request, response);
        send(response, 421, "text/plain", `ask http://${address}`);
        return undefined;
      },
    })),
    rpc: { handle: () => undefined, abort: () => undefined },
  });
  return { url: `http://${address}`, stop: () => listener.drain(1_000) };
}

/**
 * Returns the address with a free port in place of port 0, for addresses that are written into the configuration before
 * they are opened.
 */
export async function withPort({ host, port }: HostPort): Promise<HostPort> {
  if (port !== 0) return { host, port };
  const probe = createServer().listen(0, host);
  await once(probe, "listening").catch((error: unknown) => {
    throw listenError(formatHostPort({ host, port }), error);
  });
  const bound = probe.address();
  probe.close();
  await once(probe, "close");
  if (bound === null || typeof bound === "string") throw new Error("a TCP server has a port");
  return { host, port: bound.port };
}
