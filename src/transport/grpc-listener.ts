import type { GrpcEngine } from "../domain/grpc-engine.js";
import type { Address } from "../domain/network.js";
import type { ArrivalEvents, ArrivalLimits } from "./arrivals.js";
import { startBuiltinListener } from "./builtin/listener.js";
import { startGrpcJsListener } from "./grpc-js/listener.js";
import type { Implementation, OnCallEnd } from "./service.js";

/** PEM texts. */
export interface TlsKeys {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** When set, only clients with a certificate of this authority may connect. */
  readonly clientCa?: Buffer;
}

/** A bound port. */
export interface Listener {
  /** The configured host with the real port: `127.0.0.1:9081`, `[::1]:9081`. */
  readonly address: string;
  /**
   * Stops accepting, lets running calls finish, and cuts what is still open after `graceMs` milliseconds. Resolves when
   * all connections are closed, at the latest shortly after the grace. End endless streams of our own before: otherwise
   * they last until the grace is over.
   */
  drain(graceMs: number): Promise<void>;
  /**
   * Uses other certificates for new connections. Returns false when that needs a restart. A port that demands client
   * certificates asks its gRPC clients to connect again when the authority is another one.
   */
  renew(tls: TlsKeys): boolean;
  /** Connections now, and bytes in memory for requests and for replies that were not read yet. `builtin` only. */
  readonly load?: () => { readonly open: number; readonly memory: number; readonly largestMemory: number };
}

/** A call that was refused before it reached a handler. */
export interface Refusal {
  /** The path without its first slash, as far as it can be shown. */
  readonly method: string;
  readonly address: Address | undefined;
  /** The name of a gRPC code. */
  readonly code: string;
  readonly problem: string;
}

export interface GrpcListenerOptions {
  /** Default `builtin`. */
  readonly engine?: GrpcEngine;
  /** `host:port`; port 0 picks a free port. */
  readonly listen: string;
  /** Absent: plaintext. */
  readonly tls?: TlsKeys;
  readonly implementations: readonly Implementation[];
  readonly onEnd?: OnCallEnd;
  /** Called for each call that was refused before it reached a handler. Must not throw. `builtin` only. */
  readonly onRefused?: (refusal: Refusal) => void;
  /** Why methods are not mounted, by path: their callers are told. `builtin` only. */
  readonly hints?: ReadonlyMap<string, string>;
  readonly limits?: Partial<ArrivalLimits>;
  readonly events?: ArrivalEvents;
  /** Called with the error of a defect in the engine, which cost a call or a connection. */
  readonly onDefect?: (error: unknown) => void;
  /** The age at which a connection is drained, milliseconds; 0: never. Default ten minutes. */
  readonly maxConnectionAgeMs?: number;
}

/** Serves gRPC once this resolves. Rejects when the port cannot be bound. */
export function startGrpcListener(options: GrpcListenerOptions): Promise<Listener> {
  return options.engine === "grpc-js" ? startGrpcJsListener(options) : startBuiltinListener(options);
}
