import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
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

/** Answers a request that no route is for; returns undefined for a path that it does not know. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | undefined;

/**
 * Serves routes at a loopback address with a port other than 0. Requests for another host name are refused: a page of
 * the internet can have its own name lead to this machine.
 */
export async function listen(
  at: HostPort,
  routes: readonly Route[],
  others: Handler = () => undefined,
): Promise<Listening> {
  const address = formatHostPort(at);
  const refuseStranger = ({ headers }: IncomingMessage, response: ServerResponse): boolean => {
    const strange = headers.host !== address;
    if (strange) send(response, 421, "text/plain", `ask http://${address}`);
    return strange;
  };
  const listener = await startHttpListener({
    listen: address,
    routes: routes.map((route) => ({
      ...route,
      handle(request, response) {
        return refuseStranger(request, response) ? undefined : route.handle(request, response);
      },
    })),
    rpc: {
      handle: (request, response) =>
        refuseStranger(request, response) ? Promise.resolve() : others(request, response),
      abort: () => undefined,
    },
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
