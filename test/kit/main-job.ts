import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import type { DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import postgres from "postgres";
import { vi } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { type Token, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { startTestOpenFga, type TestOpenFga } from "./openfga.js";
import type { Port } from "./ports.js";
import { createTestDatabase } from "./postgres.js";
import { type FaultProxy, startProxy, through } from "./proxy.js";
import { type Server, startServer } from "./server.js";

export interface IssuedToken {
  readonly token: Token;
  readonly secret: string;
}

/** Without when it was last used, which is written in the background. */
export function exceptUse(token: Token | undefined): object {
  return {
    ...token,
    lastUseTime: undefined,
    lastUseIp: "",
    secrets: token?.secrets.map((secret) => ({ ...secret, lastUseTime: undefined })),
  };
}

/** The built server over a real PostgreSQL and a real OpenFGA with `examples/direct`, and a token of alice. */
export interface MainJob {
  readonly server: Server;
  readonly openfga: TestOpenFga;
  readonly databaseUrl: string;
  /** Between the server and its parts. An embedded database has nothing between. */
  readonly faults: { readonly database: FaultProxy; readonly openfga: FaultProxy };
  /** `user:alice`, full grant: editor of document:roadmap by examples/direct/tuples.json. */
  readonly alice: IssuedToken;
  createToken(request: MessageInitShape<typeof TokenService.method.createToken.input>): Promise<IssuedToken>;
  countTokens(): Promise<number>;
  metrics(): Promise<string>;
  /** Every row of every table, as text. */
  dump(): Promise<string>;
  /** Sends bytes that no generated client would. */
  rawGrpc(method: DescMethod, bytes: Buffer): Promise<{ readonly code: string; readonly message: string }>;
  stop(): Promise<void>;
}

const example = (file: string): string =>
  readFileSync(new URL(`../../examples/direct/${file}`, import.meta.url), "utf8");

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

export interface MainJobSettings {
  /** Laid over the server's configuration, by top-level key. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default PostgreSQL. */
  readonly engine?: "PostgreSQL" | "PGlite";
  /** `database.prepare`. Default true. */
  readonly prepare?: boolean;
  /** Beside the kit's own. */
  readonly callers?: readonly object[];
  /** Environment of the server, for keys of the configuration. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startMainJob({
  config = {},
  callers = [],
  env = {},
  prepare = true,
  engine = "PostgreSQL",
}: MainJobSettings = {}): Promise<MainJob> {
  const database = engine === "PostgreSQL" ? await createTestDatabase() : undefined;
  const openfga = await startTestOpenFga(example("model.fga"), JSON.parse(example("tuples.json")));
  const nowhere = "127.0.0.1:1";
  const [toDatabase, toOpenFga] = await Promise.all([
    startProxy(database ? new URL(database.url).host : nowhere),
    startProxy(openfga.grpc),
  ]);
  const server = await startServer({
    databaseUrl: database && through(database.url, toDatabase),
    prepare,
    openfga: {
      addresses: [toOpenFga.address],
      apiKey: openfga.apiKey,
      storeId: openfga.storeId,
      modelId: openfga.modelId,
    },
    config,
    callers,
    env,
  });
  const sql = database && postgres(database.url, { max: 1, onnotice: () => undefined });
  const [port] = server.ports;
  if (!port) throw new Error("no port");

  const job: Omit<MainJob, "alice"> = {
    server,
    openfga,
    databaseUrl: database?.url ?? "",
    faults: { database: toDatabase, openfga: toOpenFga },
    async createToken(request) {
      const reply = await port.call(TokenService.method.createToken, request);
      if (!reply.ok || !reply.value.token) throw new Error(`no token: ${JSON.stringify(reply)}`);
      return { token: reply.value.token, secret: reply.value.secret };
    },
    async countTokens() {
      if (!sql) return (await allTokens(port)).length;
      const [row] = await sql`select count(*)::int as count from token`;
      return row?.["count"];
    },
    async metrics() {
      return (await fetch(`http://${server.metrics}/metrics`)).text();
    },
    async dump() {
      // Nobody else can read an embedded database: then it is what the API shows of it.
      if (!sql)
        return inspect(
          [await allTokens(port), await port.call(AuditService.method.listAuditEvents, { pageSize: 1000 })],
          { depth: null },
        );
      const tables = await sql`select table_name as name from information_schema.tables where table_schema = 'public'`;
      const rows = await Promise.all(tables.map(({ name }) => sql`select t::text as row from ${sql(name)} t`));
      return JSON.stringify(rows.flat());
    },
    rawGrpc(method, bytes) {
      const client = new grpc.Client(server.grpc, grpc.credentials.createInsecure());
      const metadata = new grpc.Metadata();
      metadata.set("authorization", `Bearer ${server.keys.admin}`);
      return new Promise((resolve) => {
        const path = `/${method.parent.typeName}/${method.name}`;
        const options = { deadline: Date.now() + 10_000 };
        client.makeUnaryRequest(
          path,
          (raw: Buffer) => raw,
          (raw) => raw,
          bytes,
          metadata,
          options,
          (error) => {
            client.close();
            resolve({ code: grpc.status[error?.code ?? 0] ?? "", message: error?.details ?? "" });
          },
        );
      });
    },
    async stop() {
      await sql?.end();
      await server.stop();
      await openfga.stop();
      await Promise.all([toDatabase.close(), toOpenFga.close()]);
      await database?.stop();
    },
  };
  // The server listens before it has read the model, which a busy machine's OpenFGA may take its time to give.
  await vi.waitFor(
    () => job.createToken({ subject: "user:alice", name: "first", grant: { full: true }, validateOnly: true }),
    {
      timeout: 60_000,
      interval: 200,
    },
  );
  const alice = await job.createToken({ subject: "user:alice", name: "laptop", grant: { full: true } });
  // A second one, so that a page of one has a next page.
  await job.createToken({ subject: "user:alice", name: "ci", grant: { full: true } });
  return { ...job, alice };
}
