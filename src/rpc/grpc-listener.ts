import { Server, ServerCredentials } from "@grpc/grpc-js";
import { mountOnGrpc } from "./grpc.js";
import { type Implementation, maxConcurrentStreams, messageLimits, type OnCallEnd } from "./service.js";

/** PEM texts. */
export interface TlsKeys {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Set: only clients with a certificate of this authority may connect. */
  readonly clientCa?: Buffer;
}

/** A bound port. */
export interface Listener {
  /** Host as asked for, with the real port: `127.0.0.1:9081`, `[::1]:9081`. */
  readonly address: string;
  /**
   * Stops accepting, lets calls that run finish, and cuts after `graceMs` milliseconds what is still open. Resolves
   * when all connections are closed, shortly after the grace at the latest. End endless streams of our own before.
   */
  drain(graceMs: number): Promise<void>;
}

export interface GrpcListenerOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Absent: plaintext. */
  readonly tls?: TlsKeys;
  readonly implementations: readonly Implementation[];
  readonly onEnd?: OnCallEnd;
}

const serverOptions = {
  "grpc.max_receive_message_length": messageLimits.receive,
  "grpc.max_send_message_length": messageLimits.send,
  "grpc.max_concurrent_streams": maxConcurrentStreams,
  // Clients find new replicas behind a balancer; the grace is above the longest deadline that makes sense.
  "grpc.max_connection_age_ms": 10 * 60_000,
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.max_connection_idle_ms": 15 * 60_000,
  // Finds dead peers.
  "grpc.keepalive_time_ms": 2 * 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  // It leaks (grpc-node#2068).
  "grpc.enable_channelz": 0,
} as const;

/** Serves gRPC once it resolves. Rejects when the port cannot be bound. */
export async function startGrpcListener(options: GrpcListenerOptions): Promise<Listener> {
  const { listen, tls, implementations, onEnd } = options;
  const server = new Server(serverOptions);
  mountOnGrpc(server, implementations, onEnd);
  const port = await bind(server, listen, tls ? secure(tls) : ServerCredentials.createInsecure());
  const address = listen.replace(/\d+$/, String(port));
  return { address, drain: (graceMs) => drain(server, address, graceMs) };
}

function secure({ cert, key, clientCa }: TlsKeys): ServerCredentials {
  return ServerCredentials.createSsl(
    clientCa ?? null,
    [{ cert_chain: cert, private_key: key }],
    clientCa !== undefined,
  );
}

function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

/**
 * For connections without a session, which `drain` does not know: a TLS handshake that never ends would hold up
 * `tryShutdown` for minutes.
 */
const lastResortMs = 500;

function drain(server: Server, address: string, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const lastResort = setTimeout(resolve, graceMs + lastResortMs);
    // In this order: after tryShutdown, drain does nothing; without it tryShutdown waits for ever on an endless stream,
    // and forceShutdown closes no session when channelz is off.
    server.drain(address, graceMs);
    server.tryShutdown(() => {
      clearTimeout(lastResort);
      resolve();
    });
  });
}
