import { X509Certificate } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config/config.js";
import type { ListenerTls } from "../config/listeners.js";
import type { Console } from "../console/console.js";
import { elementRoutes } from "../console/files.js";
import { consoleHeaders } from "../console/headers.js";
import { formatHostPort } from "../domain/host-port.js";
import { clientAddress } from "../integrations/shared/client-address.js";
import { connectRoutes } from "../transport/connect.js";
import { allowOrigins } from "../transport/cors.js";
import { type Listener, startGrpcListener, type TlsKeys } from "../transport/grpc-listener.js";
import { startHttpListener } from "../transport/http-listener.js";
import { livez, probes } from "../transport/probes.js";
import { reflection } from "../transport/reflection.js";
import type { CallContext, Implementation } from "../transport/service.js";
import type { StatusError } from "../transport/status.js";
import { logCall, logRefusal } from "./call-log.js";
import type { ServedIntegrations } from "./integrations.js";
import type { Parts } from "./parts.js";
import { createConsoleServices, createPublicServices, createServices } from "./services.js";

/** The addresses of the open ports, `host:port` with the real ports. */
export interface PortAddresses {
  readonly grpc: string;
  readonly http: string;
  /** Undefined when the configuration has no public port. */
  readonly publicHttp: string | undefined;
  /** Undefined when the configuration has no console. */
  readonly console: string | undefined;
}

/** A certificate as the log shows it. */
interface PortCertificate {
  /** The key of the port. */
  readonly port: string;
  /** The subject, or else the names. */
  readonly subject: string | undefined;
  readonly notAfter: Date;
}

/** The ports that serve callers: they open one after the other, and drain all together. */
export class Ports {
  readonly #open: { grpc?: Listener; http?: Listener; publicHttp?: Listener; console?: Listener } = {};
  readonly #parts: Parts;
  readonly #integrations: ServedIntegrations;
  readonly #console: Console | undefined;
  /** The API on the ports of the private network. */
  readonly #implementations: readonly Implementation[];
  /** The certificates in use. */
  readonly #tls: ReturnType<typeof tlsOf>;

  constructor(parts: Parts, integrations: ServedIntegrations, console: Console | undefined) {
    this.#parts = parts;
    this.#integrations = integrations;
    this.#console = console;
    const { config, authenticator, health } = parts;
    this.#tls = tlsOf(config);
    const described = [...createServices(parts, authenticator), health.service.implementation];
    this.#implementations = config.reflection ? [...described, ...reflection(described)] : described;
  }

  /** Opens all ports. When one of them fails, closes those that are open, and rejects. */
  async open(): Promise<PortAddresses> {
    try {
      const grpc = await this.#openGrpc();
      const http = await this.#openHttp();
      const publicHttp = await this.#openPublicHttp();
      const console = await this.#openConsole();
      return {
        grpc: grpc.address,
        http: http.address,
        publicHttp: publicHttp?.address,
        console: console?.address,
      };
    } catch (error) {
      await this.drain(0);
      throw error;
    }
  }

  /** Returns the certificates of another configuration that are not in use yet and have expired. */
  expiredCertificates(next: Config, now: Date): readonly PortCertificate[] {
    return this.#changedTls(next)
      .filter(({ before, after }) => before.cert !== after.cert)
      .map(({ key, after }) => certificateOf(key, after))
      .filter(({ notAfter }) => notAfter <= now);
  }

  /**
   * Uses the certificates of another configuration for new connections. Returns those of ports that do, and the keys of
   * ports that need a restart for it.
   */
  renewCertificates(next: Config): {
    readonly renewed: readonly PortCertificate[];
    readonly refused: readonly string[];
  } {
    const renewed: PortCertificate[] = [];
    const refused: string[] = [];
    for (const { name, key, port, before, after } of this.#changedTls(next)) {
      // Whether clients are asked for certificates is decided when a port opens (`setSecureContext` of node:tls).
      const asksAsBefore = (before.clientCa === undefined) === (after.clientCa === undefined);
      if (asksAsBefore && port.renew(tlsKeysOf(after))) {
        this.#tls[name] = after;
        renewed.push(certificateOf(key, after));
      } else {
        refused.push(key);
      }
    }
    return { renewed, refused };
  }

  /** Returns the ports with other certificates, keys or authorities in another configuration. */
  #changedTls(next: Config) {
    const wanted = tlsOf(next);
    return portKeys.flatMap(([name, key]) => {
      const [port, before, after] = [this.#open[name], this.#tls[name], wanted[name]];
      return port && before && after && !isDeepStrictEqual(before, after) ? [{ name, key, port, before, after }] : [];
    });
  }

  /** Lets calls finish for this time, then closes the ports. */
  async drain(graceMs: number): Promise<void> {
    this.#parts.health.service.close();
    await Promise.all(Object.values(this.#open).map((port) => port.drain(graceMs)));
  }

  readonly #onEnd = (call: CallContext, error: StatusError | undefined): void => {
    const { metrics, log, lines } = this.#parts;
    metrics.rpcEnded(call.method, error?.code ?? "OK", performance.now() - call.startTime);
    logCall(log, lines, call, error);
  };

  async #openGrpc(): Promise<Listener> {
    const { config, metrics, log, onDefect } = this.#parts;
    this.#open.grpc = await startGrpcListener({
      ...listenerOf(config.grpc),
      engine: config.grpc.engine,
      maxConnectionAgeMs: config.grpc.maxConnectionAgeMs,
      implementations: [...this.#implementations, ...this.#integrations.services],
      onEnd: this.#onEnd,
      onRefused: (refusal) => logRefusal(log, refusal),
      hints: this.#integrations.hints,
      events: metrics.arrivalsAt("grpc"),
      onDefect,
    });
    const { load } = this.#open.grpc;
    if (load) metrics.observeConnections(load);
    return this.#open.grpc;
  }

  async #openHttp(): Promise<Listener> {
    const { config, health, metrics, onDefect } = this.#parts;
    this.#open.http = await startHttpListener({
      ...listenerOf(config.http),
      routes: [...probes(() => health.snapshot()), ...this.#integrations.routes],
      rpc: connectRoutes(this.#implementations, { onEnd: this.#onEnd }),
      onDefect,
      events: metrics.arrivalsAt("http"),
    });
    return this.#open.http;
  }

  async #openPublicHttp(): Promise<Listener | undefined> {
    const { config, metrics, onDefect } = this.#parts;
    if (!config.publicHttp) return undefined;
    const { trustedProxies, origins } = config.publicHttp;
    this.#open.publicHttp = await startHttpListener({
      ...listenerOf(config.publicHttp),
      routes: [livez, ...this.#integrations.publicRoutes, ...elementRoutes()],
      rpc: connectRoutes(createPublicServices(this.#parts), {
        onEnd: this.#onEnd,
        addressOf: (request) => clientAddress(request, trustedProxies),
      }),
      cors: allowOrigins(origins),
      onDefect,
      events: metrics.arrivalsAt("public_http"),
    });
    return this.#open.publicHttp;
  }

  async #openConsole(): Promise<Listener | undefined> {
    const { config, metrics, onDefect } = this.#parts;
    if (!config.console || !this.#console) return undefined;
    const { trustedProxies, tls } = config.console;
    this.#open.console = await startHttpListener({
      ...listenerOf(config.console),
      routes: [livez, ...this.#console.routes],
      rpc: connectRoutes(createConsoleServices(this.#parts, this.#console.authenticator), {
        onEnd: this.#onEnd,
        addressOf: (request) => clientAddress(request, trustedProxies),
      }),
      headers: consoleHeaders({ tls: tls !== undefined }),
      onDefect,
      events: metrics.arrivalsAt("console"),
    });
    return this.#open.console;
  }
}

function listenerOf({ listen, tls }: Config["http"]): { readonly listen: string; readonly tls?: TlsKeys } {
  return { listen: formatHostPort(listen), ...(tls && { tls: tlsKeysOf(tls) }) };
}

const portKeys = [
  ["grpc", "grpc"],
  ["http", "http"],
  ["publicHttp", "public_http"],
  ["console", "console"],
] as const;

function tlsOf({
  grpc,
  http,
  publicHttp,
  console,
}: Config): Record<(typeof portKeys)[number][0], ListenerTls | undefined> {
  return { grpc: grpc.tls, http: http.tls, publicHttp: publicHttp?.tls, console: console?.tls };
}

function certificateOf(port: string, { cert }: ListenerTls): PortCertificate {
  const { subject, subjectAltName, validTo } = new X509Certificate(cert);
  return { port, subject: subject?.replaceAll("\n", ", ") || subjectAltName, notAfter: new Date(validTo) };
}

function tlsKeysOf({ cert, key, clientCa }: ListenerTls): TlsKeys {
  return {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    ...(clientCa !== undefined && { clientCa: Buffer.from(clientCa) }),
  };
}
