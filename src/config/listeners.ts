import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { z } from "zod";
import { grpcEngines } from "../domain/grpc-engine.js";
import { formatHostPort, type HostPort } from "../domain/host-port.js";
import { isLoopback } from "../domain/network.js";
import { hostPort, text, trustedProxies } from "./common-values.js";
import { duration } from "./duration.js";
import { atMost } from "./lists.js";
import type { OtherSections } from "./other-sections.js";

const pem = z
  .string()
  .includes("-----BEGIN ", { error: "must be the name of a PEM file; that file has no -----BEGIN line" })
  .meta({ file: true });

function hasCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

/** Returns why TLS cannot use these, in words of OpenSSL, which never repeat what is in a file. */
function tlsProblem({ cert, key, client_ca }: { cert: string; key: string; client_ca?: string | undefined }) {
  try {
    createSecureContext({ cert, key, ca: client_ca });
    // A context takes a certificate and a key of two kinds, as if they were two halves of two pairs.
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? undefined : "key type mismatch";
  } catch (error) {
    return error instanceof Error && "reason" in error ? String(error.reason) : "unknown reason";
  }
}

export type ListenerTls = z.output<typeof tls>;

/** Names of PEM files. They are read together with the configuration. */
export const tls = z
  .object({
    /** The certificate and its intermediates. Required. */
    cert: pem,
    /** The private key of `cert`. Required. */
    key: pem,
    /** Authorities of client certificates. Every client then needs a certificate. Default: clients need none. */
    client_ca: pem
      .refine(hasCertificate, { error: "must be the name of a PEM file with a certificate" })
      .meta({ file: true })
      .optional(),
  })
  .superRefine((files, context) => {
    const problem = tlsProblem(files);
    if (problem !== undefined) {
      context.addIssue({
        code: "custom",
        message: `must be PEM files, and key must be the key of cert (OpenSSL: ${problem})`,
      });
    }
  })
  .transform(({ cert, key, client_ca }) => ({ cert, key, clientCa: client_ca }));

/** Allows a port beyond loopback without TLS, for example behind a mesh that encrypts. Default `false`. */
export const plaintext = z.boolean().default(false);

export const beyondLoopback = { error: "must be true to listen beyond loopback without tls", path: ["plaintext"] };
export const twice = { error: "must not be true together with tls", path: ["plaintext"] };

interface Protected {
  readonly listen: HostPort;
  readonly tls?: unknown;
  readonly plaintext: boolean;
}

export function isProtected({ listen, tls, plaintext }: Protected): boolean {
  return tls !== undefined || plaintext || isLoopback(listen.host);
}

export function isProtectedOnce({ tls, plaintext }: Protected): boolean {
  return tls === undefined || !plaintext;
}

function listener(defaultAddress: string, { authenticationDisabled }: OtherSections) {
  const address = hostPort.refine((address) => !authenticationDisabled || isLoopback(address.host), {
    error: "must be loopback while dangerously_disable_caller_authentication is true",
  });
  return z.object({
    /** `HOST:PORT`; port 0 takes a free one. */
    listen: address.prefault(defaultAddress),
    /** Default: no TLS, for which `listen` must be loopback or `plaintext` true. */
    tls: tls.optional(),
    plaintext,
  });
}

/** The gRPC port. Default `127.0.0.1:9081`. */
export const grpc = (others: OtherSections) =>
  listener("127.0.0.1:9081", others)
    .extend({
      /**
       * The implementation of HTTP/2: `builtin`, Patwarden's own, which costs a fraction of the CPU time, or `grpc-js`,
       * the library of the gRPC project. Default `builtin`.
       */
      engine: z.enum(grpcEngines).default("builtin"),
      /**
       * The age, more or less a tenth, at which a connection is asked to end, so that clients spread over new replicas;
       * running calls have 30 s to finish. 0s to 24h; 0s: never. Default 10m.
       */
      max_connection_age: duration("0s", "24h").prefault("10m"),
    })
    .refine(isProtected, beyondLoopback)
    .refine(isProtectedOnce, twice)
    .transform(({ listen, tls, engine, max_connection_age }) => ({
      listen,
      tls,
      engine,
      maxConnectionAgeMs: max_connection_age,
    }))
    .prefault({});

/** The port of Connect, gRPC-Web, JSON and `/livez`, `/readyz`. Default `127.0.0.1:9080`. */
export const http = (others: OtherSections) =>
  listener("127.0.0.1:9080", others)
    .refine(isProtected, beyondLoopback)
    .refine(isProtectedOnce, twice)
    .transform(({ listen, tls }) => ({ listen, tls }))
    .prefault({});

/** An origin as browsers send it in `Origin` (RFC 6454 section 6.2). Browsers never send `*`. */
export const origin = text.refine(
  (value) => /^https?:/.test(value) && URL.canParse(value) && new URL(value).origin === value,
  { error: "must be an origin such as https://app.example.com: scheme, host, and the port if it is not the default" },
);

/**
 * A port for the internet: calls of users and tokens about themselves (TokenService, PolicyService, UsageService),
 * `/v1/self`, reports of leaks and public documents. Service keys are not accepted there. Default: no such port.
 */
export function publicHttp({ authenticationDisabled }: OtherSections) {
  return z
    .object({
      /** `HOST:PORT`; port 0 takes a free one. Default `127.0.0.1:9083`. */
      listen: hostPort.prefault("127.0.0.1:9083"),
      /** Default: no TLS, for which `listen` must be loopback or `plaintext` true. */
      tls: tls.optional(),
      plaintext,
      /** Origins of web pages that may call this port (CORS), 0 to 100. Default none. */
      origins: z
        .array(origin)
        .refine(...atMost(100))
        .default([]),
      /**
       * CIDR ranges of the reverse proxies in front of this port, 0 to 100. The client's address is the right-most
       * entry of X-Forwarded-For that is in none of them; rate limits, the audit trail and tokens that are bound to
       * networks use it. Default none: the client's address is that of the connection.
       */
      trusted_proxies: trustedProxies,
    })
    .refine(isProtected, beyondLoopback)
    .refine(isProtectedOnce, twice)
    .refine(() => !authenticationDisabled, "must not be set while dangerously_disable_caller_authentication is true")
    .transform(({ listen, tls, origins, trusted_proxies }) => ({
      listen,
      tls,
      origins,
      trustedProxies: trusted_proxies,
    }))
    .optional();
}

/** Prometheus metrics at `/metrics`, without TLS. They contain no token, subject or resource. */
export const metrics = z
  .object({
    /** `HOST:PORT`; port 0 takes a free one. Default `127.0.0.1:9082`. */
    listen: hostPort.prefault("127.0.0.1:9082"),
    plaintext,
  })
  .refine(isProtected, beyondLoopback)
  .transform(({ listen }) => ({ listen }))
  .prefault({});

interface Listening {
  readonly listen: HostPort;
}

interface Listeners {
  readonly grpc: Listening;
  readonly http: Listening;
  readonly public_http?: Listening | undefined;
  readonly metrics: Listening;
  readonly console?: Listening | undefined;
}

/** Reports ports with the address of an earlier one. Port 0 is a free port for each. */
export function listenApart({ grpc, http, public_http, metrics, console }: Listeners, context: z.RefinementCtx): void {
  const taken = new Map<string, string>();
  for (const [name, port] of Object.entries({ grpc, http, public_http, metrics, console })) {
    if (!port || port.listen.port === 0) continue;
    const address = formatHostPort(port.listen);
    const earlier = taken.get(address);
    if (earlier === undefined) taken.set(address, name);
    else context.addIssue({ code: "custom", path: [name, "listen"], message: `must differ from ${earlier}.listen` });
  }
}
