import { isIPv4 } from "node:net";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";

/** The credential of the caller: a service key or the access token of a user. */
export type Key = string | (() => string | Promise<string>);

/** PEM texts for TLS. */
export interface TlsOptions {
  /** The authorities that may sign the server's certificate. Default: Node's. */
  readonly ca?: string | Buffer;
  /** The client certificate, for servers that require one. Needs `key`. */
  readonly cert?: string | Buffer;
  /** The key of `cert`. */
  readonly key?: string | Buffer;
}

/** How a client reaches the server. */
export interface ClientOptions {
  /** `host:port` of the server's gRPC port, or a gRPC target such as `dns:///patwarden.internal:9081`. */
  readonly endpoint: string;
  /**
   * The credential of the caller. A function is called for each attempt of each call, so that a key can change. If it
   * throws or returns no valid key, the call fails with UNAUTHENTICATED. Surrounding whitespace is ignored, so that the
   * content of a file can be used as it is.
   */
  readonly key: Key;
  /** Default: TLS with Node's authorities. */
  readonly tls?: TlsOptions;
  /**
   * Disables TLS, for this machine only (`localhost`, 127.0.0.0/8, `::1`, a Unix socket); for others the constructor
   * throws. Default false.
   */
  readonly plaintext?: boolean;
  /** Disables TLS for any machine: the network can read the key and every token. Default false. */
  readonly dangerouslySendKeyInPlaintext?: boolean;
  /** The server's `tokens.brand`. Default `pw`. */
  readonly brand?: string;
  /** Sends checks made in the same turn of the event loop as one BatchCheck. Default true. */
  readonly coalesce?: boolean;
}

export function isPlaintext({ plaintext, dangerouslySendKeyInPlaintext }: ClientOptions): boolean {
  return plaintext === true || dangerouslySendKeyInPlaintext === true;
}

/** Throws TypeError for options that contradict each other. */
export function credentialsOf(options: ClientOptions): ChannelCredentials {
  const { endpoint, tls, dangerouslySendKeyInPlaintext: dangerously = false } = options;
  if (isPlaintext(options)) {
    if (tls !== undefined) throw new TypeError("tls and plaintext cannot be combined");
    if (!dangerously && !isThisMachine(endpoint)) {
      throw new TypeError(`plaintext is for this machine only, and ${endpoint} is not: use TLS`);
    }
    return credentials.createInsecure();
  }
  const { ca, cert, key } = tls ?? {};
  if ((cert === undefined) !== (key === undefined)) throw new TypeError("tls.cert and tls.key must be given together");
  return credentials.createSsl(pem(ca), pem(key), pem(cert));
}

function pem(text: string | Buffer | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}

/** Throws TypeError for an endpoint that gRPC would misunderstand. */
export function requireEndpoint(endpoint: string): string {
  if (typeof endpoint !== "string" || endpoint === "") throw new TypeError("endpoint is required: host:port");
  if (/^https?:/i.test(endpoint)) throw new TypeError("endpoint must be host:port or a gRPC target, not a URL");
  return endpoint;
}

/** Returns true if every address of a gRPC target is on this machine, false if in doubt. */
export function isThisMachine(target: string): boolean {
  const [, scheme = "dns", rest = ""] = /^(?:(dns|ipv4|ipv6|unix):(?!\d+$))?(.*)$/.exec(target) ?? [];
  switch (scheme) {
    case "unix":
      return true;
    case "ipv4":
    case "ipv6":
      return rest.split(",").every((address) => isLoopback(hostOf(address)));
    default:
      // A name server in the target, `dns://1.1.1.1/localhost`, could answer anything.
      return isLoopback(hostOf(rest.replace(/^\/\/\//, "")));
  }
}

function hostOf(address: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([^:]*):\d+$/.exec(address)?.[1] ?? address;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/** Returns a function that gives the credential in a form that can be sent. Its errors never contain the credential. */
export function keyReader(key: Key): () => string | Promise<string> {
  if (typeof key === "string") {
    const sendable = requireSendable(key, "key");
    return () => sendable;
  }
  if (typeof key !== "function") throw new TypeError("key is required: a string or a function");
  return async () => requireSendable(await key(), "key");
}

/** Checked here because grpc-js puts a value that it cannot send into its error message. */
export function requireSendable(credential: string, name: string): string {
  const trimmed = typeof credential === "string" ? credential.trim() : "";
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new TypeError(`${name} must be a text of visible ASCII characters`);
  return trimmed;
}
