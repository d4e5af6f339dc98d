import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { ServerReflectionRequestSchema } from "#gen/grpc/reflection/v1/reflection_pb.js";
import { BatchCheckRequestSchema } from "#gen/patwarden/v1/authorization_pb.js";
import { PepperRing } from "../../src/domain/pepper.js";
import { newKey, type Server } from "../../test/kit/server.js";
import { cpuOf } from "./cpu.js";
import type { StrangerCost } from "./measurement.js";
import { startOpenFga } from "./openfga.js";
import { startPatwarden } from "./patwarden.js";
import { type Bench, startNoop } from "./scenarios.js";

/**
 * Measures the cost of calls that anybody can make: those that need no credential, and those that are refused. The load
 * comes from this process; only the server's CPU time counts. Where one address is limited, the load pretends to come
 * from many addresses.
 */

/** Sends calls of one kind, some at a time. */
interface Sender {
  /** Makes one call and returns its status. */
  send(): Promise<number>;
  /** Returns the number of bytes received so far. */
  bytes(): number;
  close(): void;
}

interface Kind {
  readonly name: string;
  /** The highest allowed CPU time, as a multiple of a no-op call. */
  readonly limit: number;
  readonly expected: number;
  /** The most calls: beyond them the server limits the rate. */
  readonly calls?: number;
  /** Whether it needs a server whose budgets are unused. */
  readonly afresh?: boolean;
  open(server: Server): Promise<Sender>;
}

const inFlight = 16;
const origin = "https://app.example.com";
const issuer = "https://patwarden.example.com";

/** Returns a secret that is valid except for its tag, like one from an attacker who has read how secrets are made. */
const guess = (): string => guesses.mint("pat").text;
const guesses = new PepperRing("pw", [{ version: 1, key: Buffer.alloc(32, 7), active: true }]);
const forgedJwt = [
  { alg: "RS256", typ: "at+jwt", kid: "1" },
  { iss: issuer, sub: "alice", aud: "api", exp: 4e9 },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .concat("A".repeat(342))
  .join(".");
const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

// ---- how calls are sent ----

type Headers = Readonly<Record<string, string>>;

function enveloped(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Sends over one connection of HTTP/2; the status is that of gRPC. */
async function overGrpc(address: string, path: string, headers: () => Headers, message: Uint8Array): Promise<Sender> {
  // node:http2 never takes back what it counts for requests that a server has reset, and stops at this many megabytes.
  const session = connectHttp2(`http://${address}`, { maxSessionMemory: 4_000 });
  await once(session, "connect");
  const { socket } = session;
  const body = enveloped(message);
  return {
    send: () =>
      new Promise((resolve, reject) => {
        const all = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
        const stream = session.request({ ...all, ...headers() });
        let status = -1;
        const read = (found: { readonly "grpc-status"?: unknown }): void => {
          if (found["grpc-status"] !== undefined) status = Number(found["grpc-status"]);
        };
        stream.on("response", read).on("trailers", read).on("error", reject);
        stream.on("close", () => resolve(status)).resume();
        stream.end(body);
      }),
    bytes: () => socket.bytesRead,
    close: () => session.destroy(),
  };
}

/** Sends questions of reflection, each an answer on a stream that stays open, from this many addresses. */
async function askingReflection(address: string, message: Uint8Array, addresses: number): Promise<Sender> {
  const [host = "", port = ""] = address.split(":");
  const body = enveloped(message);
  const streams = await Promise.all(
    Array.from({ length: addresses }, async (_, index) => {
      const socket = connectTcp({ host, port: Number(port), localAddress: `127.0.1.${index + 1}` });
      const session = connectHttp2(`http://${address}`, { createConnection: () => socket });
      await once(session, "connect");
      const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
      const waiting: ((status: number) => void)[] = [];
      let read = Buffer.alloc(0);
      stream.on("data", (chunk: Buffer) => {
        read = Buffer.concat([read, chunk]);
        while (read.length >= 5 && read.length >= 5 + read.readUInt32BE(1)) {
          read = read.subarray(5 + read.readUInt32BE(1));
          waiting.shift()?.(0);
        }
      });
      stream.on("trailers", (found) => {
        for (const end of waiting.splice(0)) end(Number(found["grpc-status"]));
      });
      const ask = () =>
        new Promise<number>((resolve) => {
          waiting.push(resolve);
          stream.write(body);
        });
      return { session, socket, ask };
    }),
  );
  let next = 0;
  return {
    send: () => streams[next++ % streams.length]?.ask() ?? Promise.resolve(-1),
    bytes: () => sum(streams.map(({ socket }) => socket.bytesRead)),
    close() {
      for (const { session } of streams) session.destroy();
    },
  };
}

interface HttpCall {
  readonly method?: string;
  readonly path: string;
  readonly headers?: () => Headers;
  readonly body?: string;
}

function overHttp(url: string, { method = "POST", path, headers = () => ({}), body = "" }: HttpCall): Promise<Sender> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  return Promise.resolve({
    send: () =>
      new Promise((resolve, reject) => {
        const length = method === "GET" ? {} : { "content-length": String(Buffer.byteLength(body)) };
        const sent = request({ hostname, port, method, path, agent, headers: { ...length, ...headers() } });
        sent.on("socket", (socket) => sockets.add(socket)).on("error", reject);
        sent.on("response", (response) => {
          response.on("end", () => resolve(response.statusCode ?? 0)).resume();
        });
        sent.end(body);
      }),
    bytes: () => sum([...sockets].map(({ bytesRead }) => bytesRead)),
    close: () => agent.destroy(),
  });
}

// ---- what is sent ----

const nobody = (): Headers => ({});
const list = "/patwarden.v1.TokenService/ListTokens";
const nothing = new Uint8Array();
const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };
let address = 0;
/** Returns a different address each time, as from a trusted proxy. */
const fromAnywhere = (): Headers => {
  const from = ++address;
  return { "x-forwarded-for": `10.${(from >> 16) & 255}.${(from >> 8) & 255}.${from & 255}` };
};
/** As large as a message may be, and filled with items of two bytes. */
const manyParts = Buffer.alloc(256 * 1024 - 16, Buffer.of((BatchCheckRequestSchema.field.items.number << 3) | 2, 0));
const manyJsonParts = `{"items":[${"{},".repeat(87_000)}{}]}`;
const credentials = (count: number): string => JSON.stringify({ credentials: Array.from({ length: count }, guess) });

const grpc = (
  name: string,
  expected: number,
  limit: number,
  headers = nobody,
  path = list,
  message: Uint8Array = nothing,
): Kind => ({
  name: `gRPC: ${name}`,
  expected,
  limit,
  open: (server) => overGrpc(server.grpc, path, headers, message),
});
const http = (
  name: string,
  expected: number,
  limit: number,
  call: HttpCall,
  port: "http" | "publicHttp" = "http",
): Kind => ({
  name: `HTTP: ${name}`,
  expected,
  limit,
  open: (server) => overHttp(server[port], call),
});
type Question = Parameters<typeof create<typeof ServerReflectionRequestSchema>>[1];
const reflection = (name: string, question: Question, limit: number, calls: number): Kind => ({
  name: `reflection: ${name}`,
  expected: 0,
  limit,
  calls,
  afresh: true,
  open: (server) =>
    askingReflection(
      server.grpc,
      toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, question)),
      inFlight,
    ),
});
const posted = (path: string, headers: () => Headers = nobody, body = "{}"): HttpCall => ({
  path,
  body,
  headers: () => ({ ...json, ...headers() }),
});
const read = (path: string): HttpCall => ({ method: "GET", path });
const self = (credential: () => string): HttpCall => ({ ...read("/v1/self"), headers: () => bearer(credential()) });

const kinds: readonly Kind[] = [
  grpc("refused, no credential", 16, 6),
  grpc("refused, an unknown key", 16, 6, () => bearer(newKey())),
  grpc("refused, a guessed token", 16, 6, () => bearer(guess())),
  grpc("refused, a forged JWT", 16, 6, () => bearer(forgedJwt)),
  grpc("health", 0, 4, nobody, "/grpc.health.v1.Health/Check"),
  grpc("unknown method", 12, 4, nobody, "/patwarden.v1.TokenService/Nope"),
  grpc("message of 300 KiB", 8, 10, nobody, list, Buffer.alloc(300 * 1024)),
  grpc("message of 131,000 parts", 3, 15, nobody, "/patwarden.v1.AuthorizationService/BatchCheck", manyParts),
  reflection("list", { messageRequest: { case: "listServices", value: "" } }, 4, 12_000),
  reflection("file", { messageRequest: { case: "fileByFilename", value: "patwarden/v1/token.proto" } }, 4, 300),
  http("/livez", 200, 4, read("/livez")),
  http("/readyz", 200, 4, read("/readyz")),
  http("OAuth metadata", 200, 4, read("/.well-known/oauth-authorization-server")),
  http("AuthZEN metadata", 200, 4, read("/.well-known/authzen-configuration")),
  http("JWKS", 200, 4, read("/.well-known/jwks.json")),
  http("unknown path", 404, 4, posted("/nope")),
  http("unknown method", 404, 4, posted("/patwarden.v1.TokenService/Nope")),
  http("refused, no credential", 401, 12, posted(list)),
  http(
    "refused, an unknown key",
    401,
    12,
    posted(list, () => bearer(newKey())),
  ),
  http(
    "refused, a guessed token",
    401,
    12,
    posted(list, () => bearer(guess())),
  ),
  http(
    "refused, a forged JWT",
    401,
    12,
    posted(list, () => bearer(forgedJwt)),
  ),
  http("message of 300 KiB", 429, 15, posted(list, nobody, `{"pageToken":"${"x".repeat(300 * 1024)}"}`)),
  http("JSON of 87,000 parts", 400, 30, posted("/patwarden.v1.AuthorizationService/BatchCheck", nobody, manyJsonParts)),
  http("introspect without a caller", 401, 4, { path: "/oauth2/introspect", headers: () => form, body: "token=x" }),
  http("revoke without a caller", 401, 4, { path: "/oauth2/revoke", headers: () => form, body: "token=x" }),
  http("forward-auth without a caller", 500, 4, read("/forward-auth")),
  http(
    "/v1/self, garbage",
    401,
    4,
    self(() => "x"),
  ),
  http("/v1/self, a guessed token", 401, 4, self(guess)),
  http(
    "preflight",
    204,
    4,
    { method: "OPTIONS", path: list, headers: () => ({ origin, "access-control-request-method": "POST" }) },
    "publicHttp",
  ),
  http("leak report, garbage", 202, 4, posted("/report-leak", fromAnywhere, '{"credentials":["x"]}'), "publicHttp"),
  http("leak report, 1,000 guesses", 202, 60, posted("/report-leak", fromAnywhere, credentials(1_000)), "publicHttp"),
];

/** Measures each kind of call once, one after the other. */
export async function measureStrangers({ databaseUrls }: Bench, durationMs: number): Promise<readonly StrangerCost[]> {
  const noop = await startNoop();
  let baseUs: number;
  const costs: StrangerCost[] = [];
  try {
    const check = "/patwarden.v1.AuthorizationService/Check";
    const name = "no-op grpc-js call";
    const cost = await measure(
      await overGrpc(noop.address, check, nobody, nothing),
      noop.child.pid ?? 0,
      0,
      durationMs,
    );
    baseUs = cost.cpuUs;
    costs.push({ name, ...cost, timesNoop: 1, limit: undefined });
  } finally {
    noop.child.kill();
  }
  const openfga = await startOpenFga({ queryCache: false });
  let server: Server | undefined;
  try {
    for (const { name, limit, expected, calls, afresh, open } of kinds) {
      if (afresh) {
        await server?.stop();
        server = undefined;
      }
      server ??= await startPatwarden({ databaseUrl: databaseUrls.few, openfga, settings });
      const cost = await measure(await open(server), server.child.pid ?? 0, expected, durationMs, calls);
      console.error(`strangers: ${name}: ${cost.cpuUs.toFixed(0)} µs, ${cost.bytes.toFixed(0)} bytes`);
      costs.push({ name, ...cost, timesNoop: cost.cpuUs / baseUs, limit });
    }
  } finally {
    await server?.stop();
    await openfga.stop();
  }
  return costs;
}

const settings = {
  public_http: { listen: "127.0.0.1:0", origins: [origin], trusted_proxies: ["127.0.0.0/8"] },
  limits: { self_per_minute: 0 },
  integrations: {
    oauth: { enabled: true, issuer, exchange: { audiences: ["api"] } },
    authzen: { enabled: true, identifier: issuer },
    forward_auth: { enabled: true },
    leaks: { report: true },
  },
};

type Cost = Pick<StrangerCost, "calls" | "cpuUs" | "bytes" | "wrong">;

async function measure(
  sender: Sender,
  pid: number,
  expected: number,
  durationMs: number,
  most = Number.POSITIVE_INFINITY,
): Promise<Cost> {
  let wrong = 0;
  const load = async (ms: number, least: number, left: number): Promise<number> => {
    const end = performance.now() + ms;
    let begun = 0;
    const worker = async (): Promise<void> => {
      while (begun < left && (begun < least || performance.now() < end)) {
        begun++;
        const status = await sender.send();
        if (status !== expected && wrong++ === 0) console.error(`  answered ${status}, expected ${expected}`);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    return begun;
  };
  try {
    // Limited calls are measured cold; all others are called some hundred times first, so that the code is compiled.
    if (most === Number.POSITIVE_INFINITY) await load(durationMs / 4, durationMs / 4, most);
    const before = { cpuUs: cpuOf(pid), bytes: sender.bytes() };
    const calls = await load(durationMs, inFlight, most);
    return {
      calls,
      cpuUs: (cpuOf(pid) - before.cpuUs) / calls,
      bytes: (sender.bytes() - before.bytes) / calls,
      wrong,
    };
  } finally {
    sender.close();
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
