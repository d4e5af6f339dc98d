import { isIPv4 } from "node:net";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";

/** What a client presents to the server: a service key, or the access token of a user. */
export type Key = string | (() => string | Promise<string>);

/** PEM texts of a connection by TLS. */
export interface TlsOptions {
  /** Authorities that may vouch for the server. Default: those that Node trusts. */
  readonly ca?: string | Buffer;
  /** The client's own certificate, for servers that demand one, and its key. Both or neither. */
  readonly cert?: string | Buffer;
  /** See `cert`. */
  readonly key?: string | Buffer;
}

/** How a client reaches the server. */
export interface ClientOptions {
  /** `host:port` of the server's gRPC port, or a gRPC target such as `dns:///patwarden.internal:9081`. */
  readonly endpoint: string;
  /**
   * The credential of the caller. A function is asked again for each attempt of each call, so that a key can change meanwhile; when it throws, or gives
   * nothing that can be sent, the call fails with UNAUTHENTICATED. Blanks around it are ignored, so that what a file holds can be used as it is.
   */
  readonly key: Key;
  /** Default: by TLS, with what Node trusts. */
  readonly tls?: TlsOptions;
  /** Without TLS: to this machine only (`localhost`, 127.0.0.0/8, `::1`, a Unix socket); for others the constructor throws. Default false. */
  readonly plaintext?: boolean;
  /** Without TLS to whatever machine: whoever is on the way reads the key and every token. Default false. */
  readonly dangerouslySendKeyInPlaintext?: boolean;
  /** Brand of the deployment's tokens, the server's `tokens.brand`. Default `pw`. */
  readonly brand?: string;
  /** Whether checks made in the same turn of the event loop travel as one BatchCheck. Default true. */
  readonly coalesce?: boolean;
}

export function isPlaintext({ plaintext, dangerouslySendKeyInPlaintext }: ClientOptions): boolean {
  return plaintext === true || dangerouslySendKeyInPlaintext === true;
}

/** Throws TypeError for options that contradict each other. */
export function credentialsOf(options: ClientOptions): ChannelCredentials {
  const { endpoint, tls, dangerouslySendKeyInPlaintext: dangerously = false } = options;
  if (isPlaintext(options)) {
    if (tls !== undefined) throw new TypeError("tls and plaintext exclude each other");
    if (!dangerously && !isThisMachine(endpoint)) {
      throw new TypeError(`plaintext is for this machine only, and ${endpoint} is another: use TLS`);
    }
    return credentials.createInsecure();
  }
  const { ca, cert, key } = tls ?? {};
  if ((cert === undefined) !== (key === undefined)) throw new TypeError("tls.cert and tls.key need each other");
  return credentials.createSsl(pem(ca), pem(key), pem(cert));
}

function pem(text: string | Buffer | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}

/** Throws TypeError for what gRPC would misunderstand. */
export function requireEndpoint(endpoint: string): string {
  if (typeof endpoint !== "string" || endpoint === "") throw new TypeError("endpoint is required, host:port");
  if (/^https?:/i.test(endpoint)) throw new TypeError("endpoint is host:port or a gRPC target, not a URL");
  return endpoint;
}

/** Whether all that a gRPC target names is on this machine. What it does not understand is not. */
export function isThisMachine(target: string): boolean {
  const [, scheme = "dns", rest = ""] = /^(?:(dns|ipv4|ipv6|unix):(?!\d+$))?(.*)$/.exec(target) ?? [];
  switch (scheme) {
    case "unix":
      return true;
    case "ipv4":
    case "ipv6":
      return rest.split(",").every((address) => isLoopback(hostOf(address)));
    default:
      // A name server of its own, `dns://1.1.1.1/localhost`, could answer anything.
      return isLoopback(hostOf(rest.replace(/^\/\/\//, "")));
  }
}

function hostOf(address: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([^:]*):\d+$/.exec(address)?.[1] ?? address;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/** A function that gives the credential as it can be sent. No error of ours tells what it is. */
export function keyReader(key: Key): () => string | Promise<string> {
  if (typeof key === "string") {
    const sendable = requireSendable(key, "key");
    return () => sendable;
  }
  if (typeof key !== "function") throw new TypeError("key is required, a string or a function");
  return async () => requireSendable(await key(), "key");
}

/** Checked here, since grpc-js puts what it cannot send into the message of its error. */
export function requireSendable(credential: string, name: string): string {
  const trimmed = typeof credential === "string" ? credential.trim() : "";
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new TypeError(`${name} must be text of visible ASCII characters`);
  return trimmed;
}
