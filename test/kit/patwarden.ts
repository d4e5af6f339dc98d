import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import type { DescMessage, DescMethod, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import postgres from "postgres";
import { vi } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import type { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type Token, TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { GrpcEngine } from "../../src/domain/grpc-engine.js";
import { openTestStore, type TestOpenFga } from "./openfga.js";
import type { CallSettings, Failed, Port } from "./ports.js";
import { createMigratedDatabase } from "./postgres.js";
import { type FaultProxy, startProxy, through } from "./proxy.js";
import { type Server, type ServerSettings, startServer } from "./server.js";

export type PortName = Port["name"];
export const portNames = ["gRPC", "HTTP"] as const;
export type Engine = "PostgreSQL" | "PGlite";
const engineNames = ["PostgreSQL", "PGlite"] as const;

/** Every port with every engine, for `describe.each(grid)("over $port on $engine", ({ port, engine }) => …)`. */
export const grid = portNames.flatMap((port) => engineNames.map((engine) => ({ port, engine })));

export interface IssuedToken {
  readonly token: Token;
  readonly secret: string;
}

/** The question of a Check, without the token. */
export interface Asked extends CallSettings {
  /** Default `document:roadmap`. */
  readonly resource?: string;
  /** Default `viewer`. */
  readonly action?: string;
  readonly clientIp?: string;
}

type CreateToken = MessageInitShape<typeof TokenService.method.createToken.input>;

/** The built server over a real database and a real OpenFGA with `examples/direct`, and a token of alice. */
export interface Patwarden {
  readonly server: Server;
  readonly openfga: TestOpenFga;
  /** Empty with PGlite, which no other process can open. */
  readonly databaseUrl: string;
  /** Proxies between the server and its parts. An embedded database has none. */
  readonly faults: { readonly database: FaultProxy; readonly openfga: FaultProxy };
  /** `user:alice`, full grant: editor of document:roadmap by examples/direct/tuples.json. */
  readonly alice: IssuedToken;

  /**
   * The port that the four calls below use, with the administrator's key unless `settings` name another. Default gRPC.
   */
  readonly port: Port;
  /** Returns the same server with calls over this port. */
  over(port: PortName): Patwarden;
  /** Makes a call and returns its answer; throws when it is refused. */
  ask<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    settings?: CallSettings,
  ): Promise<MessageShape<O>>;
  /** Makes a call and returns its refusal; throws when it is answered. */
  refused<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    settings?: CallSettings,
  ): Promise<Failed>;
  /** Returns the reason of a decision, else of the error; for an error that is not the server's, `transport: CODE`. */
  check(secret: string, asked?: Asked): Promise<Reason | string>;
  /** Creates a token of alice with a full grant, unless the request says otherwise. */
  createToken(request?: CreateToken, settings?: CallSettings): Promise<IssuedToken>;

  /** Starts another process over the same database and OpenFGA, without proxies in between. The test must stop it. */
  startReplica(settings?: ReplicaSettings): Promise<Server>;
  countTokens(): Promise<number>;
  metrics(): Promise<string>;
  /** Returns every row of every table, as text. */
  dump(): Promise<string>;
  /** Sends bytes that no generated client would. */
  rawGrpc(method: DescMethod, bytes: Buffer): Promise<{ readonly code: string; readonly message: string }>;
  stop(): Promise<void>;
}

/** Merged over the settings of the first process. */
export type ReplicaSettings = Partial<Omit<ServerSettings, "openfga">> & {
  readonly openfga?: Partial<ServerSettings["openfga"]>;
};

export interface PatwardenSettings {
  /** Merged over the server's configuration, by top-level key. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default PostgreSQL. */
  readonly engine?: Engine;
  /** `openfga.engine`. Default: the one of the configuration. */
  readonly openfgaEngine?: GrpcEngine;
  /** `database.prepare`. Default true. */
  readonly prepare?: boolean;
  /** Callers in addition to the kit's own. */
  readonly callers?: readonly object[];
  /** Environment of the server, for keys of the configuration. */
  readonly env?: Readonly<Record<string, string>>;
}

const example = (file: string): string =>
  readFileSync(new URL(`../../examples/direct/${file}`, import.meta.url), "utf8");

/** Starts Patwarden on both engines, for tests of the grid. */
export async function startOnEngines(
  settings: Omit<PatwardenSettings, "engine"> = {},
): Promise<Readonly<Record<Engine, Patwarden>> & Pick<Patwarden, "stop">> {
  const [onPostgres, onPglite] = await Promise.all(
    engineNames.map((engine) => startPatwarden({ ...settings, engine })),
  );
  if (!onPostgres || !onPglite) throw new Error("one for each engine");
  return {
    PostgreSQL: onPostgres,
    PGlite: onPglite,
    stop: async () => void (await Promise.all([onPostgres.stop(), onPglite.stop()])),
  };
}

export async function startPatwarden({
  config = {},
  callers = [],
  env = {},
  prepare = true,
  engine = "PostgreSQL",
  openfgaEngine,
}: PatwardenSettings = {}): Promise<Patwarden> {
  const [database, openfga] = await Promise.all([
    engine === "PostgreSQL" ? createMigratedDatabase() : undefined,
    openTestStore(example("model.fga"), JSON.parse(example("tuples.json"))),
  ]);
  const nowhere = "127.0.0.1:1";
  const [toDatabase, toOpenFga] = await Promise.all([
    startProxy(database ? new URL(database.url).host : nowhere),
    startProxy(openfga.grpc),
  ]);
  const server = await startServer({
    databaseUrl: database && through(database.url, toDatabase),
    prepare,
    openfga: { ...openfga, addresses: [toOpenFga.address], ...(openfgaEngine && { engine: openfgaEngine }) },
    config,
    callers,
    env,
  });
  const sql = database && postgres(database.url, { max: 1, onnotice: () => undefined });

  const whole = {
    server,
    openfga,
    databaseUrl: database?.url ?? "",
    faults: { database: toDatabase, openfga: toOpenFga },
    startReplica: (settings: ReplicaSettings = {}) =>
      startServer({
        databaseUrl: database?.url,
        ...settings,
        openfga: { ...openfga, addresses: [openfga.grpc], ...settings.openfga },
      }),
    async countTokens() {
      if (!sql) return (await allTokens(server.port("gRPC"))).length;
      const [row] = await sql`select count(*)::int as count from token`;
      return row?.["count"];
    },
    async metrics() {
      return (await fetch(`http://${server.metrics}/metrics`)).text();
    },
    async dump() {
      // No other process can read an embedded database: so the API's view of it is returned.
      if (!sql) {
        const events = await server.port("gRPC").call(AuditService.method.listAuditEvents, { pageSize: 1000 });
        return inspect([await allTokens(server.port("gRPC")), events], { depth: null });
      }
      const tables = await sql`select table_name as name from information_schema.tables where table_schema = 'public'`;
      const rows = await Promise.all(tables.map(({ name }) => sql`select t::text as row from ${sql(name)} t`));
      return JSON.stringify(rows.flat());
    },
    rawGrpc: (method: DescMethod, bytes: Buffer) => rawGrpc(server, method, bytes),
    async stop() {
      await sql?.end();
      await server.stop();
      await openfga.stop();
      await Promise.all([toDatabase.close(), toOpenFga.close()]);
      await database?.stop();
    },
  };
  const asked = askedOver(server.port("gRPC"));
  // The server listens before it has read the model, which can take time on a busy machine.
  await vi.waitFor(() => asked.createToken({ name: "first", validateOnly: true }), { timeout: 60_000, interval: 200 });
  const alice = await asked.createToken({ name: "laptop" });
  // A second token, so that a page of one has a next page.
  await asked.createToken({ name: "ci" });
  const over = (name: PortName): Patwarden => ({ ...whole, alice, over, ...askedOver(server.port(name)) });
  return over("gRPC");
}

function askedOver(port: Port): Pick<Patwarden, "port" | "ask" | "refused" | "check" | "createToken"> {
  const ask: Patwarden["ask"] = async (method, request, settings) => {
    const reply = await port.call(method, request, settings);
    if (reply.ok) return reply.value;
    const why = [reply.code, reply.reason, ...reply.fields, ...reply.descriptions, reply.message].join(" ");
    throw new Error(`${method.name} was refused: ${why}`);
  };
  return {
    port,
    ask,
    async refused(method, request, settings) {
      const reply = await port.call(method, request, settings);
      if (!reply.ok) return reply;
      throw new Error(`${method.name} was not refused: ${inspect(reply.value)}`);
    },
    async check(token, { resource = "document:roadmap", action = "viewer", clientIp = "", ...settings } = {}) {
      const question = { token, resource, action, context: { clientIp } };
      const reply = await port.call(AuthorizationService.method.check, question, settings);
      return reply.ok ? reply.value.reason : (reply.reason ?? `transport: ${reply.code}`);
    },
    async createToken(request = {}, settings) {
      const usual = { subject: "user:alice", name: "n", grant: { full: true } };
      // Both are init shapes of the same message.
      const laid = { ...usual, ...request } as CreateToken;
      const { token, secret } = await ask(TokenService.method.createToken, laid, settings);
      if (!token) throw new Error("CreateToken answered without a token");
      return { token, secret };
    },
  };
}

async function allTokens(port: Port): Promise<readonly Token[]> {
  const tokens: Token[] = [];
  let pageToken = "";
  do {
    const page = await port.call(TokenService.method.listTokens, { pageSize: 1000, pageToken });
    if (!page.ok) throw new Error(page.message);
    tokens.push(...page.value.tokens);
    pageToken = page.value.nextPageToken;
  } while (pageToken !== "");
  return tokens;
}

function rawGrpc(server: Server, method: DescMethod, bytes: Buffer): ReturnType<Patwarden["rawGrpc"]> {
  const client = new grpc.Client(server.grpc, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${server.keys.admin}`);
  const path = `/${method.parent.typeName}/${method.name}`;
  const options = { deadline: Date.now() + 10_000 };
  const asIs = (raw: Buffer): Buffer => raw;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, options, (error) => {
      client.close();
      resolve({ code: grpc.status[error?.code ?? 0] ?? "", message: error?.details ?? "" });
    });
  });
}

/** Returns the token without its last use, which is written in the background. */
export function exceptUse(token: Token | undefined): object {
  return {
    ...token,
    lastUseTime: undefined,
    lastUseIp: "",
    secrets: token?.secrets.map((secret) => ({ ...secret, lastUseTime: undefined })),
  };
}
