import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { AuthorizationService, Consistency } from "#gen/patwarden/v1/authorization_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { createAuthority } from "../kit/authority.js";
import { startTestIssuer } from "../kit/issuer.js";
import { openTestStore } from "../kit/openfga.js";
import { httpPort } from "../kit/ports.js";
import { createMigratedDatabase } from "../kit/postgres.js";
import { startProxy } from "../kit/proxy.js";
import { hashOf, newKey, startServer } from "../kit/server.js";
import { succeed, until } from "./ask.js";
import { startControl } from "./control.js";
import { conditionParameters, membershipOfDave, model, tuples } from "./facts.js";
import { absent, startRedirecting, startSilent } from "./stand-ins.js";
import { makeTokens, type NamedToken } from "./tokens.js";

/** The environment of the tests of a client, as JSON. `clients/vectors/README.md` says what each field is. */
export interface Description {
  readonly endpoint: string;
  readonly http: string;
  readonly proxied: string;
  readonly tls: {
    readonly endpoint: string;
    readonly ca: string;
    readonly client_cert: string;
    readonly client_key: string;
  };
  readonly redirecting: string;
  readonly silent: string;
  readonly absent: string;
  readonly control: string;
  readonly keys: Readonly<Record<"admin" | "checker" | "powerless" | "unknown" | "limited", string>>;
  readonly vectors: string;
  readonly tokens: Readonly<Record<string, NamedToken>>;
}

/** The running environment that clients are tested against. */
export interface Environment {
  readonly description: Description;
  /** Ends all faults. Resolves when decisions are possible again. */
  heal(): Promise<void>;
  stop(): Promise<void>;
}

type Stop = () => unknown;

/**
 * PostgreSQL, OpenFGA, the built server twice (once by TLS with client certificates), fault proxies before it and
 * before OpenFGA, and tokens in every state. Needs `setup()` of test/kit/global-setup.ts.
 */
export async function startEnvironment(): Promise<Environment> {
  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    return { ...(await start(stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts everything, and adds a function to `stops` for each part that has started, also when it throws. */
async function start(stops: Stop[]): Promise<Omit<Environment, "stop">> {
  async function started<T>(part: Promise<T>, end: (part: T) => unknown): Promise<T> {
    const running = await part;
    stops.push(() => end(running));
    return running;
  }
  const authority = createAuthority();
  stops.push(() => authority.remove());
  const database = await started(createMigratedDatabase(), (one) => one.stop());
  const openfga = await started(openTestStore(model, tuples), (one) => one.stop());
  const openfgaProxy = await started(startProxy(openfga.grpc), (one) => one.close());
  const issuer = await started(startTestIssuer(), (one) => one.stop());

  const keys = {
    admin: newKey(),
    checker: newKey(),
    powerless: newKey(),
    unknown: newKey(),
    limited: await issuer.sign({ sub: "limited", exp: Math.floor(Date.now() / 1000) + 86_000 }),
  };
  const config = {
    callers: [
      { name: "admin", key_sha256: [hashOf(keys.admin)], permissions: ["admin"] },
      { name: "checker", key_sha256: [hashOf(keys.checker)], permissions: ["check", "introspect"] },
      // A caller needs a permission; this one allows nothing by itself.
      { name: "powerless", key_sha256: [hashOf(keys.powerless)], permissions: ["tokens.behalf"] },
    ],
    issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
    limits: { creations_per_hour: 1 },
    // A change after a kill waits this long for the killed process.
    token_cache: { lease: "1s" },
  };
  const startOn = (address: string, over: object) =>
    startServer({
      databaseUrl: database.url,
      openfga: { ...openfga, addresses: [address] },
      config: {
        ...config,
        openfga: {
          addresses: [address],
          auth: { preshared: openfga.apiKey },
          store_id: openfga.storeId,
          model_id: openfga.modelId,
          context: conditionParameters,
          // No list may be incomplete on a slow machine.
          list_deadline: "1m",
        },
        ...over,
      },
    });

  const [grpc, http] = [await keptPort(), await keptPort()];
  const startMain = () => startOn(openfgaProxy.address, { grpc: { listen: grpc }, http: { listen: http } });
  let server = await startMain();
  stops.push(() => server.stop());
  const serverProxy = await started(startProxy(grpc), (one) => one.close());
  const serverIdentity = authority.issue({ "DNS.1": "localhost", "IP.1": "127.0.0.1" }, "server");
  const clientIdentity = authority.issue({}, "client");
  const tls = { cert: serverIdentity.certFile, key: serverIdentity.keyFile, client_ca: authority.certFile };
  const tlsServer = await started(startOn(openfga.grpc, { grpc: { listen: "127.0.0.1:0", tls } }), (one) => one.stop());
  const redirecting = await started(startRedirecting(), (one) => one.close());
  const silent = await started(startSilent(), (one) => one.close());

  const administrator = httpPort(`http://${http}`, keys.admin);
  const tokens = await makeTokens(administrator, () => openfga.admin.deleteTuples(openfga.storeId, [membershipOfDave]));
  const question = {
    token: tokens["alice"]?.secret ?? "",
    resource: "document:roadmap",
    action: "viewer",
    consistency: Consistency.HIGHER_CONSISTENCY,
  };
  const decides = () =>
    until("the server decides", async () => {
      const reply = await administrator.call(AuthorizationService.method.check, question).catch(() => undefined);
      return reply?.ok === true && reply.value.allowed;
    });
  /** Uses up the limit of the user `limited`, for an hour or until the process ends. */
  const exhaustLimit = () =>
    succeed(administrator, TokenService.method.createToken, { name: "the only one" }, { key: keys.limited });
  await exhaustLimit();

  const control = await started(
    startControl(
      {
        "/server/cut": () => serverProxy.cut(),
        "/server/stall": () => serverProxy.stall(),
        "/server/heal": () => serverProxy.heal(),
        "/openfga/cut": () => openfgaProxy.cut(),
        "/openfga/stall": () => openfgaProxy.stall(),
        "/openfga/heal": async () => {
          openfgaProxy.heal();
          await decides();
        },
        "/restart": async () => {
          await server.stop("SIGKILL");
          server = await startMain();
          // A busy machine may answer the first fetch of the issuer's keys too late.
          await until("the limit is used up", () =>
            exhaustLimit().then(
              () => true,
              () => false,
            ),
          );
        },
      },
      { "/redirecting/followed": () => redirecting.followed() },
    ),
    (one) => one.close(),
  );

  return {
    description: {
      endpoint: grpc,
      http: `http://${http}`,
      proxied: serverProxy.address,
      tls: {
        endpoint: `localhost:${tlsServer.grpc.split(":")[1]}`,
        ca: authority.certFile,
        client_cert: clientIdentity.certFile,
        client_key: clientIdentity.keyFile,
      },
      redirecting: redirecting.address,
      silent: silent.address,
      absent,
      control: control.origin,
      keys,
      vectors: new URL("../../clients/vectors", import.meta.url).pathname,
      tokens,
    },
    async heal() {
      serverProxy.heal();
      openfgaProxy.heal();
      await decides();
    },
  };
}

/**
 * An address that stays free while its server is down for a moment. Above 32767 Linux takes ports for outgoing
 * connections, and one to the address itself, tried again and again, in the end gets its own port (RFC 9293 §3.5,
 * simultaneous open) and holds it against the server.
 */
async function keptPort(): Promise<string> {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return `127.0.0.1:${port}`;
  }
}
