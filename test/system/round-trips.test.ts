import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Token, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { openTestStore, type TestOpenFga } from "../kit/openfga.js";
import { createMigratedDatabase, havePostgres, noPostgres, type TestDatabase } from "../kit/postgres.js";
import { type FaultProxy, startProxy, through } from "../kit/proxy.js";
import { type Server, startServer } from "../kit/server.js";
import type { Sent } from "../kit/transactions.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

const { createToken, revokeToken, suspendToken, resumeToken, updateToken } = TokenService.method;
const repeats = 10;

describe.skipIf(!havePostgres())("round trips to the database", () => {
  let database: TestDatabase;
  let openfga: TestOpenFga;
  let proxy: FaultProxy;
  let servers: readonly Server[] = [];
  beforeAll(async () => {
    [database, openfga] = await Promise.all([createMigratedDatabase(), openTestStore()]);
    proxy = await startProxy(new URL(database.url).host, { postgres: {} });
    const start = (url: string) =>
      startServer({
        databaseUrl: url,
        openfga: { ...openfga, addresses: [openfga.grpc] },
        // One connection, so that a few calls prepare every statement.
        config: { database: { url, listen_url: database.url, max_connections: 1 } },
      });
    servers = await Promise.all([through(database.url, proxy), database.url, database.url].map(start));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all([openfga?.stop(), proxy?.close()]);
    await database?.stop();
  });

  const port = () => servers[0]?.port("gRPC");

  async function issue(): Promise<Token> {
    const made = await port()?.call(createToken, { subject: "user:alice", name: "n", grant: { full: true } });
    if (!made?.ok || !made.value.token) throw new Error(JSON.stringify(made));
    return made.value.token;
  }

  /** The round trips from BEGIN to COMMIT, and those in which the leases are read. */
  function count(sent: readonly Sent[]) {
    const change = sent.find(({ text }) => text.includes("insert into revocation_change"));
    const transaction = sent.filter(({ connection }) => connection === change?.connection);
    // Jobs use the connection too. The transaction of the change has the last BEGIN before it.
    const end = transaction.findIndex(
      ({ text }, index) => index > transaction.indexOf(change as Sent) && text === "commit",
    );
    const begin = transaction.slice(0, end).findLastIndex(({ text }) => text.trim() === "begin");
    const [first, last] = [transaction[begin], transaction[end]];
    const leases = sent.filter(({ text }) => text.includes("replica_lease) as rows")).length;
    return { change: first && last ? last.round - first.round + 1 : Number.NaN, leases };
  }

  const none = async () => undefined;
  const suspend = ({ id }: Token) => port()?.call(suspendToken, { id });
  it.each<[string, (token: Token) => Promise<unknown> | undefined, (token: Token) => Promise<unknown> | undefined]>([
    ["RevokeToken", none, ({ id }) => port()?.call(revokeToken, { id })],
    ["SuspendToken", none, suspend],
    ["ResumeToken", suspend, ({ id }) => port()?.call(resumeToken, { id })],
    [
      "UpdateToken",
      none,
      ({ id }) => port()?.call(updateToken, { token: { id, name: "other" }, updateMask: { paths: ["name"] } }),
    ],
  ])("%s takes four, once its statements are prepared, with three replicas", async (_, before, call) => {
    const counts: ReturnType<typeof count>[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const token = await issue();
      await before(token);
      const sent = proxy.record();
      expect(await call(token)).toMatchObject({ ok: true });
      counts.push(count(sent()));
    }
    // On a busy machine more are counted: COMMIT, which waits for nothing, may arrive after an answer, and a replica
    // may acknowledge so late that the leases are read again.
    const least = (of: "change" | "leases") => Math.min(...counts.map((each) => each[of]));
    expect({ change: least("change"), leases: least("leases") }).toEqual({ change: 3, leases: 1 });
  });
});
