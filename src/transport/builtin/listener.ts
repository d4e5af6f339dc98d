import type { Socket } from "node:net";
import { peerAddress } from "../../domain/network.js";
import { keyOfAddress } from "../../domain/rate-limiter.js";
import { defaultArrivalLimits } from "../arrivals.js";
import { clientNameOf } from "../client-certificate.js";
import { type CallFactory, CallServer } from "../grpc/server.js";
import { codes } from "../grpc/status.js";
import type { Listener as GrpcListener, GrpcListenerOptions } from "../grpc-listener.js";
import { listenError } from "../listen-error.js";
import { defaultListenerLimits, Listener } from "../net/listener.js";
import { type Implementation, maxConcurrentStreams, messageLimits, methodName, type OnCallEnd } from "../service.js";
import { codeName } from "../status.js";
import { factoryOf, type Peer } from "./call.js";

/** Serves gRPC by our own engine. */
export async function startBuiltinListener(options: GrpcListenerOptions): Promise<GrpcListener> {
  const { listen, tls, implementations, onEnd, onRefused, hints, events, maxConnectionAgeMs, onDefect } = options;
  const { connections, connectionsOfAddress, helloMs, requestMs, lookMs } = {
    ...defaultArrivalLimits,
    ...options.limits,
  };
  const server = new CallServer<Peer>({
    methods: methodsOf(implementations, onEnd),
    maxMessageLength: messageLimits.receive,
    requestMs,
    failed: (thrown) => {
      onDefect?.(thrown);
      return { code: codes.internal, message: "internal error" };
    },
    late: () => events?.gaveUp("late"),
    hints,
    refused: (path, { code, message }, { address }) =>
      onRefused?.({ method: path.replace(/^\//, ""), address, code: codeName(code), problem: message }),
  });
  const defaults = defaultListenerLimits.connection;
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(listen) ?? [];
  try {
    const listener = await Listener.open<Peer>({
      host: host.replace(/^\[(.*)\]$/, "$1"),
      port: Number(port),
      tls,
      limits: {
        ...defaultListenerLimits,
        connections,
        connectionsOfAddress,
        tickMs: Math.min(lookMs, defaultListenerLimits.tickMs),
        connection: {
          ...defaults,
          concurrentStreams: maxConcurrentStreams,
          helloMs,
          maxAgeMs: maxConnectionAgeMs ?? defaults.maxAgeMs,
        },
      },
      addressKey: (address) => keyOfAddress(peerAddress(address)),
      peerOf: (socket: Socket) => ({ address: peerAddress(socket.remoteAddress), clientName: clientNameOf(socket) }),
      open: server.open,
      events: {
        closed: (closure) => closure !== "peer" && events?.closed(closure),
        failed: (thrown) => onDefect?.(thrown),
      },
    });
    return {
      address: listen.replace(/\d+$/, String(listener.port)),
      drain: (graceMs) => listener.drain(graceMs),
      load: () => listener.load,
      renew: (keys) => {
        listener.renew(keys);
        return true;
      },
    };
  } catch (error) {
    throw listenError(listen, error);
  }
}

function methodsOf(
  implementations: readonly Implementation[],
  onEnd: OnCallEnd | undefined,
): ReadonlyMap<string, CallFactory<Peer>> {
  const methods = new Map<string, CallFactory<Peer>>();
  for (const operation of implementations.flatMap(({ operations }) => operations)) {
    const path = `/${methodName(operation.method)}`;
    if (methods.has(path)) throw new Error(`${path} is mounted twice`);
    methods.set(path, factoryOf(operation, onEnd));
  }
  return methods;
}
