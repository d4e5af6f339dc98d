import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grpcEngines } from "../../src/domain/grpc-engine.js";
import { type Authority, createAuthority, loopback } from "../kit/authority.js";
import { smallModel, startTestOpenFga, type TestOpenFga } from "../kit/openfga.js";
import { havePostgres, noPostgres, overTls, startPostgres, type TestPostgres } from "../kit/postgres.js";
import { migrate, type Server, startServer } from "../kit/server.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

describe.skipIf(!havePostgres())("a database and an OpenFGA that speak TLS", () => {
  let authority: Authority;
  let database: TestPostgres;
  let openfga: TestOpenFga;
  beforeAll(async () => {
    authority = createAuthority();
    const identity = authority.issue(loopback, "server");
    const tuples = [{ user: "user:alice", relation: "viewer", object: "document:roadmap" }];
    [database, openfga] = await Promise.all([
      startPostgres({}, { identity }),
      startTestOpenFga(smallModel, tuples, identity),
    ]);
    await migrate(overTls(database.url));
  });
  afterAll(async () => {
    await Promise.all([openfga?.stop(), database?.stop()]);
    authority.remove();
  });

  describe.each(grpcEngines)("asked by %s", (engine) => {
    let server: Server;
    beforeAll(async () => {
      server = await startServer({
        databaseUrl: overTls(database.url),
        openfga: { ...openfga, addresses: [openfga.grpc], tls: true, engine },
        env: { NODE_EXTRA_CA_CERTS: authority.certFile },
      });
    });
    afterAll(async () => {
      await server?.stop();
    });

    it("are what a Check asks", async () => {
      const port = server.port("gRPC");
      const created = await port.call(TokenService.method.createToken, {
        subject: "user:alice",
        name: "n",
        grant: { full: true },
      });
      if (!created.ok) throw new Error(JSON.stringify(created));
      const question = { token: created.value.secret, resource: "document:roadmap", action: "viewer" };
      expect(await port.call(AuthorizationService.method.check, question)).toMatchObject({
        ok: true,
        value: { reason: Reason.ALLOWED },
      });
      const sql = postgres(database.url, { max: 1 });
      const sessions = await sql`
      select distinct ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'patwarden'`;
      await sql.end();
      expect(sessions).toEqual([{ ssl: true }]);
    });

    it("by their IP address leave every line of the log JSON: Node's warning about that (DEP0123) as well", () => {
      const lines = server.log().trimEnd().split("\n");
      const names = lines.map((line) => JSON.parse(line).name);
      // Only grpc-js names the address in the handshake.
      expect(names.includes("DeprecationWarning")).toBe(engine === "grpc-js");
    });
  });
});
