import type { Duplex } from "node:stream";
import type { GrpcEngine } from "../../src/domain/grpc-engine.js";
import { connectRoutes } from "../../src/transport/connect.js";
import { type Listener, startGrpcListener } from "../../src/transport/grpc-listener.js";
import { type HttpListenerOptions, startHttpListener } from "../../src/transport/http-listener.js";
import { probes } from "../../src/transport/probes.js";
import type { CallContext, Implementation } from "../../src/transport/service.js";
import type { StatusError } from "../../src/transport/status.js";

export interface EndedCall {
  readonly call: CallContext;
  readonly error: StatusError | undefined;
}

export interface BothPorts {
  readonly grpc: Listener;
  readonly http: Listener;
  /** Resolves with the next ended call that was not returned before. */
  nextEnd(): Promise<EndedCall>;
  readonly defects: unknown[];
  stop(): Promise<void>;
}

/** Starts the same implementations on both ports, on free ports of loopback. */
export async function startBothPorts(
  implementations: readonly Implementation[],
  { engine, ...options }: Partial<HttpListenerOptions> & { readonly engine?: GrpcEngine } = {},
): Promise<BothPorts> {
  const ended: EndedCall[] = [];
  const waiting: ((end: EndedCall) => void)[] = [];
  const defects: unknown[] = [];
  const onDefect = (error: unknown): void => void defects.push(error);
  const onEnd = (call: CallContext, error: StatusError | undefined): void => {
    const next = waiting.shift();
    if (next) next({ call, error });
    else ended.push({ call, error });
  };
  const tls = options.tls && { tls: options.tls };
  const grpc = await startGrpcListener({
    listen: "127.0.0.1:0",
    implementations,
    onEnd,
    ...tls,
    ...(engine && { engine }),
  });
  const http = await startHttpListener({
    listen: "127.0.0.1:0",
    routes: probes(() => ({ ready: true, checks: {} })),
    rpc: connectRoutes(implementations, { onEnd }),
    onDefect,
    ...options,
  });
  return {
    grpc,
    http,
    nextEnd: () => {
      const known = ended.shift();
      return known ? Promise.resolve(known) : new Promise((resolve) => waiting.push(resolve));
    },
    defects,
    stop: async () => void (await Promise.all([grpc.drain(0), http.drain(0)])),
  };
}

/**
 * Sends one HTTP/2 request exactly as given, for requests that client libraries refuse to send. Names and values must
 * be shorter than 127 bytes. The answer is not read.
 */
export function sendRawHttp2(
  socket: Duplex,
  headers: readonly (readonly [name: string, value: string])[],
  body: Uint8Array,
): void {
  const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  // HPACK, RFC 7541 §6.2.2: a literal field without indexing, with a new name.
  const fields = headers.flatMap(([name, value]) => [
    Buffer.of(0, name.length),
    Buffer.from(name),
    Buffer.of(value.length),
    Buffer.from(value),
  ]);
  const [settings, headersFrame, dataFrame, endHeaders, endStream] = [4, 1, 0, 4, 1];
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(settings, 0, 0, Buffer.alloc(0)));
  socket.write(frame(headersFrame, endHeaders, 1, Buffer.concat(fields)));
  socket.write(frame(dataFrame, endStream, 1, body));
}
