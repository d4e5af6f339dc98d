import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";

/** PEM texts. */
export interface DialTls {
  /** Authorities to trust instead of those that Node knows. */
  readonly ca?: Buffer | string | undefined;
  /** The client's own certificate. */
  readonly cert?: Buffer | string | undefined;
  readonly key?: Buffer | string | undefined;
}

export interface DialOptions {
  /** A literal address. */
  readonly address: string;
  readonly port: number;
  /** Absent: plaintext. */
  readonly tls?: DialTls | undefined;
  /** The name that the server's certificate must have: as configured, and not what it resolved to. */
  readonly host: string;
}

/** Larger than what the calls of one turn usually need, so that writing them is one step. */
const highWaterMark = 128 * 1024;

/**
 * Opens a socket for HTTP/2. Exactly one of the two is called, once: `connected` after the TLS handshake, or `failed`,
 * also when the caller destroys the socket before.
 */
export function dial(options: DialOptions, connected: () => void, failed: (error: Error) => void): Socket {
  const { address: host, port, tls } = options;
  // The address is literal: there is no second one to race with (grpc-js did so with autoSelectFamily).
  const to = { host, port, noDelay: true, autoSelectFamily: false, writableHighWaterMark: highWaterMark };
  const socket = tls ? connectTls({ ...to, ...tlsOptions(tls, options.host) }) : connect(to);
  let isSettled = false;
  const fail = (error: Error): void => {
    if (isSettled) return;
    isSettled = true;
    socket.destroy();
    failed(error);
  };
  socket.on("error", fail);
  socket.once("close", () => fail(new Error("ECONNRESET: the server closed the connection")));
  socket.once(tls ? "secureConnect" : "connect", () => {
    if (tls && (socket as TLSSocket).alpnProtocol !== "h2") {
      fail(new Error("Protocol error: the server does not offer h2 by ALPN"));
      return;
    }
    isSettled = true;
    connected();
  });
  return socket;
}

function tlsOptions({ ca, cert, key }: DialTls, host: string): ConnectionOptions {
  return {
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    // Said here so that NODE_TLS_REJECT_UNAUTHORIZED of the environment cannot say otherwise.
    rejectUnauthorized: true,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
