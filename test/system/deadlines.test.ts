import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Authorization } from "#gen/envoy/service/auth/v3/external_auth_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grpcEngines } from "../../src/domain/grpc-engine.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { grpcPort } from "../kit/ports.js";
import { havePostgres } from "../kit/postgres.js";
import { type FaultProxy, startProxy, through } from "../kit/proxy.js";
import { sendRaw } from "../kit/raw-http.js";
import { onEngine, type Server } from "../kit/server.js";

const { createToken, listTokens } = TokenService.method;

const waiting = { timeout: 20_000, interval: 100 };

const accessToken = "urn:ietf:params:oauth:token-type:access_token";

describe.skipIf(!havePostgres()).each(grpcEngines)(
  "a database whose statements never end by themselves, by %s",
  (engine) => {
    let patwarden: Patwarden;
    let database: FaultProxy;
    let server: Server;
    beforeAll(async () => {
      patwarden = await startPatwarden();
      database = await startProxy(new URL(patwarden.databaseUrl).host);
      const url = through(patwarden.databaseUrl, database);
      server = await patwarden.startReplica({
        config: {
          database: { url, max_connections: 1, prepare: false },
          // Every lookup reads the database.
          token_cache: { lease: "0s" },
          integrations: {
            routes: [{ path: "/docs/{id}", resource: "document:{id}", action: "viewer" }],
            forward_auth: { enabled: true },
            ext_authz: { enabled: true },
            authzen: { enabled: true, identifier: "https://pat.test" },
            oauth: {
              enabled: true,
              issuer: "https://pat.test",
              public_revocation: true,
              exchange: { audiences: ["shop"] },
            },
            leaks: { report: true },
          },
        },
        env: { ...onEngine(engine), PATWARDEN_TEST_BROKEN: "endless-statements" },
        script: new URL("../kit/broken-server.mjs", import.meta.url).pathname,
      });
    });
    afterAll(async () => {
      await server?.stop();
      await patwarden?.stop();
      await database?.close();
    });
    afterEach(() => database.heal());

    // HTTP alone: the engine makes no difference.
    const overHttp = engine === "builtin" ? it : () => undefined;
    overHttp("S6 answers at every integration by the integration's own deadline", { timeout: 120_000 }, async () => {
      const token = patwarden.alice.secret;
      const ask = async (
        method: string,
        target: string,
        headers: readonly (readonly [string, string])[],
        body: string | object = "",
      ) => {
        const json = typeof body === "object";
        const type = json ? "application/json" : "application/x-www-form-urlencoded";
        const reply = await sendRaw(server.http, {
          method,
          target,
          headers: [...(body === "" ? [] : [["Content-Type", type] as const]), ...headers],
          body: json ? JSON.stringify(body) : body,
        });
        return [target, reply.status];
      };
      const bearer = ["Authorization", `Bearer ${token}`] as const;
      const admin = ["Authorization", `Bearer ${server.keys.admin}`] as const;
      const proxyKey = ["X-Patwarden-Proxy-Key", server.keys.checker] as const;
      const form = (fields: Readonly<Record<string, string>>): string => new URLSearchParams(fields).toString();
      const told = (names: readonly string[]) =>
        ["GET", "app.test", "/docs/roadmap", "http"].flatMap((value, index) => {
          const name = names[index];
          return name === undefined ? [] : [[name, value] as const];
        });
      const forwarded = ["X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Proto"];
      const ofNginx = ["X-Original-Method", "X-Original-Host", "X-Original-URI"];
      const exchange = {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: token,
        subject_token_type: accessToken,
        audience: "shop",
      };
      const evaluation = {
        subject: { type: "access_token", id: token },
        action: { name: "viewer" },
        resource: { type: "document", id: "roadmap" },
      };
      const asked = () =>
        Promise.all([
          ask("GET", "/forward-auth", [proxyKey, bearer, ...told(forwarded)]),
          ask("GET", "/nginx-auth", [proxyKey, bearer, ...told(ofNginx)]),
          ask("POST", "/access/v1/evaluation", [admin], evaluation),
          ask("GET", "/v1/self", [bearer]),
          ask("POST", "/oauth2/introspect", [admin], form({ token })),
          ask("POST", "/oauth2/token", [admin], form(exchange)),
        ]);
      const ending = () =>
        Promise.all([
          ask("POST", "/oauth2/revoke", [], form({ token })),
          ask("POST", "/oauth2/revoke", [admin], form({ token })),
          ask("POST", "/report-leak", [], { credentials: [token] }),
        ]);
      // A server listens before it has asked OpenFGA anything.
      await expect.poll(async () => (await asked()).map(([, status]) => status), waiting).toEqual(Array(6).fill(200));
      database.stall();
      for (const [target, status] of [...(await Promise.all([asked(), ending()]))].flat())
        expect([target, status]).toEqual([target, 503]);
      // No token was ended, neither now nor after the database is back.
      database.heal();
      await expect.poll(async () => (await ask("GET", "/v1/self", [bearer]))[1], { timeout: 20_000 }).toBe(200);
    });

    it("S6 answers Envoy before its filter gives up, and a Check by the caller's own deadline", {
      timeout: 60_000,
    }, async () => {
      const token = patwarden.alice.secret;
      const envoy = grpcPort(server.grpc, server.keys.checker);
      const http = {
        method: "GET",
        host: "app.test",
        path: "/docs/roadmap",
        headers: { authorization: `Bearer ${token}` },
      };
      const askEnvoy = async () => {
        const reply = await envoy.call(Authorization.method.check, { attributes: { request: { http } } });
        return reply.ok ? reply.value.httpResponse.case : reply.code;
      };
      // Its client leaves the deadline to the server, so the answer comes from the server.
      const [, port] = server.ports;
      if (!port) throw new Error("no port");
      const question = { token, resource: "document:roadmap", action: "viewer" };
      const outcomes = async () => {
        const settings = { timeoutMs: 300 };
        const { check, batchCheck, introspect } = AuthorizationService.method;
        const [one, batch, introspected] = await Promise.all([
          port.call(check, question, settings),
          port.call(batchCheck, { items: [question] }, settings),
          port.call(introspect, { token }, settings),
        ]);
        // The deadline ends the whole call, or just before that an item.
        const result = batch.ok ? batch.value.results[0]?.result : undefined;
        const ofItem = result?.case === "error" ? result.value.reason : result?.case;
        return [one.ok ? "OK" : one.code, batch.ok ? ofItem : batch.code, introspected.ok ? "OK" : introspected.code];
      };
      const answered = async () => [await askEnvoy(), ...(await outcomes())];
      await expect.poll(answered, waiting).toEqual(["okResponse", "OK", "decision", "OK"]);
      database.stall();
      const late = "DEADLINE_EXCEEDED";
      expect(await Promise.all([askEnvoy(), outcomes()])).toEqual(["errorResponse", [late, late, late]]);
      envoy.close();
    });

    it.each([0, 1])("S6 creates nothing for a caller that got DEADLINE_EXCEEDED, port %i", async (index) => {
      const port = server.ports[index];
      if (!port) throw new Error("no port");
      const subject = `user:late-${index}`;
      const make = (name: string, timeoutMs = 60_000) => port.call(createToken, { subject, name }, { timeoutMs });
      // The test before has cut all connections, and the server may still have to notice that.
      await expect.poll(async () => (await make("before")).ok, { timeout: 20_000 }).toBe(true);
      database.hold('insert into "token_secret"');
      const first = make("first");
      await expect.poll(() => database.holds(), { timeout: 20_000 }).toBe(true);
      expect(await make("late", 300)).toMatchObject({ ok: false, code: "DEADLINE_EXCEEDED" });
      database.release();
      await first;
      // There is only one connection, and waiting statements use it in order.
      expect(await make("after")).toMatchObject({ ok: true });
      const reply = await port.call(listTokens, { subject });
      const names = reply.ok ? reply.value.tokens.map(({ name }) => name) : [];
      expect(names).toContain("after");
      expect(names).not.toContain("late");
    });
  },
);
