import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { track } from "./children.js";
import { freePort } from "./postgres.js";
import { findProgram, tools } from "./program.js";
import { textOf } from "./raw-http.js";

const openidc = "/usr/lib/apache2/modules/mod_auth_openidc.so";

/** Real proxies: their configuration in examples/gateways, and how to install each. */
export const gateways = {
  nginx: {
    program: findProgram("nginx", "/usr/sbin/nginx"),
    configuration: "nginx.conf",
    source: "Debian: apt-get install nginx-light",
  },
  envoy: {
    program: findProgram("envoy", join(tools, "envoy/bin/envoy")),
    configuration: "envoy.yaml",
    source: "`make gateways` installs it",
  },
  caddy: {
    program: findProgram("caddy", join(tools, "bin/caddy")),
    configuration: "Caddyfile",
    source: "`make gateways` builds it",
  },
  apache: {
    program: existsSync(openidc) ? findProgram("apache2", "/usr/sbin/apache2") : undefined,
    configuration: "apache.conf",
    source: "Debian: apt-get install apache2 libapache2-mod-auth-openidc",
  },
} as const;

export type GatewayName = keyof typeof gateways;

/** A request as it arrived at the service behind the proxy. */
export interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Upstream {
  readonly port: number;
  readonly arrived: readonly Arrived[];
  /** The status of its answers; 200 unless a test changes it. */
  status: number;
  close(): Promise<void>;
}

/** Starts the service behind the proxy. It answers `hello <subject>` with the identity from the headers. */
export async function startUpstream(): Promise<Upstream> {
  const arrived: Arrived[] = [];
  // Room for many cookies: proxies accept more than the default.
  const server = createServer({ maxHeaderSize: 65_536 }, async (incoming, response) => {
    const { method = "", url = "", rawHeaders } = incoming;
    arrived.push({ method, url, rawHeaders, body: await textOf(incoming) });
    response.statusCode = upstream.status;
    response.end(`hello ${String(incoming.headers["x-patwarden-subject"])}`);
  });
  const upstream = {
    port: 0,
    arrived,
    status: 200,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  upstream.port = (server.address() as AddressInfo).port; // it listens on TCP
  return upstream;
}

export interface Gateway {
  readonly port: number;
  readonly log: () => string;
  stop(): Promise<void>;
}

/** Starts a proxy with its file of examples/gateways. */
export function startGateway(name: GatewayName, values: Readonly<Record<string, string>>): Promise<Gateway> {
  const example = new URL(`../../examples/gateways/${gateways[name].configuration}`, import.meta.url);
  return startProxyProgram(name, readFileSync(example, "utf8"), values);
}

/**
 * Starts a proxy on a free port with this configuration. Each `__NAME__` is replaced by its value, and `__PROXY__` by
 * the port. Resolves when the proxy listens.
 */
export async function startProxyProgram(
  name: GatewayName,
  text: string,
  values: Readonly<Record<string, string>>,
): Promise<Gateway> {
  const { program, configuration, source } = gateways[name];
  if (program === undefined) throw new Error(`no ${name}: ${source}`);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), `patwarden-${name}-`));
  const file = join(folder, configuration);
  const filled: Readonly<Record<string, string>> = { ...values, PROXY: String(port) };
  writeFileSync(
    file,
    text.replace(/__([A-Z_]+?)__/g, (mark, key: string) => filled[key] ?? mark),
  );
  mkdirSync(join(folder, "logs"));
  const child = track(
    spawn(program, argumentsOf(name, file, folder), {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      log += String(chunk);
    });
  }
  await listening(child, port, () => log);
  return {
    port,
    log: () => log,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "close");
      }
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function argumentsOf(name: GatewayName, file: string, folder: string): readonly string[] {
  switch (name) {
    case "nginx":
      return ["-c", file, "-p", folder, "-g", "daemon off; master_process off; error_log stderr warn;"];
    case "envoy":
      return ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"];
    case "caddy":
      return ["run", "--config", file, "--adapter", "caddyfile"];
    case "apache":
      return ["-d", folder, "-f", file, "-X"];
  }
}

async function listening(child: ChildProcess, port: number, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`the proxy ended with ${child.exitCode}:\n${log()}`);
    const socket = connect({ host: "127.0.0.1", port });
    const open = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error(`the proxy does not listen:\n${log()}`);
}
