import type { DescMethod } from "@bufbuild/protobuf";
import { openBuiltinCall } from "./raw-builtin-client.js";
import { openGrpcJsCall } from "./raw-grpc-js-client.js";
import type { Engine, Field } from "./raw-server.js";

export interface RawTarget {
  readonly host: string;
  readonly port: number;
  /** PEM texts: the authority of the server, and the client's own certificate. Absent: plaintext. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer } | undefined;
  /** The largest message to receive, bytes. */
  readonly receiveLimit: number;
}

export interface RawRequest {
  readonly method: DescMethod;
  readonly metadata: readonly Field[];
  readonly timeoutMs: number | undefined;
  /** Whether requests are compressed. */
  readonly gzip: boolean;
}

export interface RawAnswer {
  readonly headers: readonly Field[];
  readonly messages: readonly Uint8Array[];
  readonly error: { readonly code: number; readonly message: string } | undefined;
  readonly trailers: readonly Field[];
}

/** A call that is sent step by step. A method that does not stream requests is called when its side is closed. */
export interface RawClientCall {
  send(message: Uint8Array): void;
  closeSend(): void;
  cancel(): void;
  /** Resolves when this many messages have arrived, or the call has ended. */
  received(count: number): Promise<void>;
  /** Resolves when the call has ended, however. */
  readonly answer: Promise<RawAnswer>;
}

/** Begins a call over a connection of its own. */
export function openRawCall(engine: Engine, target: RawTarget, request: RawRequest): RawClientCall {
  switch (engine) {
    case "builtin":
      return openBuiltinCall(target, request);
    case "grpc-js":
      return openGrpcJsCall(target, request);
  }
}
