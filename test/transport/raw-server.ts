import type { DescService } from "@bufbuild/protobuf";
import { startBuiltinServer } from "./raw-builtin-server.js";
import { startGrpcJsServer } from "./raw-grpc-js-server.js";

/** The engines that can serve gRPC, as `--engine` of the programs of this folder names them. */
export const engines = ["builtin", "grpc-js"] as const;
export type Engine = (typeof engines)[number];

export function engineNamed(name: string | undefined): Engine {
  const engine = engines.find((each) => each === name);
  if (engine === undefined) throw new Error(`no engine ${name}: ${engines.join(", ")}`);
  return engine;
}

/** A field of metadata; octets when its name ends in `-bin`. */
export type Field = readonly [name: string, value: string | Uint8Array];

/** A call as an engine delivers it, messages as octets: what the suites need of headers and trailers is here. */
export interface RawCall {
  readonly metadata: readonly Field[];
  /** Milliseconds until the deadline; undefined without one. */
  readonly timeoutMs: number | undefined;
  /** One message unless the client streams. */
  readonly requests: AsyncIterable<Uint8Array>;
  /** Sends the headers now. Called once, before the first message; left out, they follow with the first message. */
  sendHeaders(fields: readonly Field[]): void;
  /** Resolves when the next message may be sent. */
  send(message: Uint8Array): Promise<void>;
}

export interface Ending {
  /** Absent: success. */
  readonly error?: { readonly code: number; readonly message: string };
  readonly trailers: readonly Field[];
}

export type RawHandler = (call: RawCall) => Promise<Ending>;

export interface RawServerOptions {
  readonly service: DescService;
  /** By the name of the method. A method without a handler is unimplemented. */
  readonly handlers: Readonly<Record<string, RawHandler>>;
  /** The largest message to receive, bytes. */
  readonly receiveLimit: number;
  /** PEM texts. With `clientCa`, a client needs a certificate of it. Absent: plaintext. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer } | undefined;
}

export interface RawServer {
  readonly port: number;
  stop(): void;
}

/** Serves one service on a free port of 127.0.0.1. */
export function startRawServer(engine: Engine, options: RawServerOptions): Promise<RawServer> {
  switch (engine) {
    case "builtin":
      return startBuiltinServer(options);
    case "grpc-js":
      return startGrpcJsServer(options);
  }
}
