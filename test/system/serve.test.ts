import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grpcEngines } from "../../src/domain/grpc-engine.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { startProxy } from "../kit/proxy.js";
import { selfSigned } from "../kit/self-signed.js";
import { hashOf, newKey, onEngine, runPatwarden, type Server } from "../kit/server.js";

const { check } = AuthorizationService.method;
const { getToken, listTokens } = TokenService.method;
const { deletePolicy, updatePolicy } = PolicyService.method;

let patwarden: Patwarden;
beforeAll(async () => {
  patwarden = await startPatwarden();
});
afterAll(() => patwarden.stop());

async function configHashOf({ metrics }: Server): Promise<string | undefined> {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  return /patwarden_config_info\{hash="(\w+)"\}/.exec(text)?.[1];
}

const waiting = { timeout: 20_000, interval: 50 };
const question = () => ({ token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" });

describe("patwarden serve", () => {
  it("reports all faults of its configuration at once, naming keys and never values", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-config-"));
    const file = join(directory, "patwarden.yaml");
    writeFileSync(
      file,
      stringify({
        grpc: { listen: "0.0.0.0:9081" },
        database: { url: "CANARY-not-a-url" },
        openfga: { addresses: ["127.0.0.1:1"], auth: { preshared: "CANARY" }, store_id: "CANARY", model_id: "x" },
        tokens: { peppers: [{ version: 1, key: "CANARY" }] },
        caller: [],
      }),
    );
    const started = runPatwarden(["serve", "--config", file]);
    expect(await started.exited).toBe(1);
    for (const key of [
      "grpc",
      "database.url",
      "openfga.store_id",
      "openfga.model_id",
      "tokens.peppers[0].key",
      "caller",
    ]) {
      expect(started.log()).toContain(key);
    }
    expect(started.log()).not.toContain("CANARY");
    rmSync(directory, { recursive: true });
  }, 120_000);

  it("says what to do about a database that was never migrated, or does not answer", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-config-"));
    const file = join(directory, "patwarden.yaml");
    const config = parse(readFileSync(patwarden.server.configFile, "utf8"));
    const empty = new URL(patwarden.databaseUrl);
    empty.pathname = "/postgres";
    writeFileSync(file, stringify({ ...config, database: { url: empty.href } }));
    const unmigrated = runPatwarden(["serve", "--config", file]);
    expect(await unmigrated.exited).toBe(1);
    expect(unmigrated.log()).toContain("run `patwarden migrate` first");
    const absent = new URL(patwarden.databaseUrl);
    absent.pathname = "/absent";
    for (const [url, meaning] of [
      ["postgres://patwarden@127.0.0.1:1/none", "ECONNREFUSED: nothing listens at this host and port"],
      [absent.href, "3D000: the database does not exist; create it"],
    ] as const) {
      writeFileSync(file, stringify({ ...config, database: { url } }));
      const refused = runPatwarden(["serve", "--config", file]);
      expect(await refused.exited).toBe(1);
      expect(refused.log()).toContain(
        `cannot use the database of database.url or database.url_file (database error ${meaning})`,
      );
    }
    rmSync(directory, { recursive: true });
  }, 120_000);

  it("warns of risks that the operator has chosen, and of routes and words that do not fit the model", async () => {
    const routes = [{ path: "/a/{id}", resource: "document:{id}", action: "view" }];
    const catalog = { types: { document: { actions: { view: { label: "see" } } } } };
    const server = await patwarden.startReplica({ config: { integrations: { routes }, catalog } });
    const lines = server
      .log()
      .split("\n")
      .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "warn", caller: "admin", msg: expect.stringContaining("any subject") }),
    );
    const problem = expect.stringContaining("lacks integrations.routes[0].action, so these requests fail");
    expect(lines).toContainEqual(expect.objectContaining({ level: "warn", problem, msg: "unhealthy: model_routes" }));
    const ready = await fetch(`${server.http}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { checks: { model_routes: { ok: false, problem }, model_catalog: { ok: false } } },
    ]);
    expect(lines.filter(({ msg }) => /^catalog has no label for document, /.test(msg))).toHaveLength(1);
    expect(await server.stop()).toBe(0);
  }, 120_000);

  it("leaves no registration behind when a port is taken, and ends no token", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-config-"));
    const file = join(directory, "patwarden.yaml");
    const config = parse(readFileSync(patwarden.server.configFile, "utf8"));
    // The last port that opens: by then the replica is registered.
    writeFileSync(file, stringify({ ...config, http: { listen: patwarden.server.http.replace("http://", "") } }));
    const sql = postgres(patwarden.databaseUrl, { max: 1 });
    const { token } = await patwarden.createToken();
    await sql`update token set created_at = created_at - interval '10 days' where name = ${token.name}`;
    const policy = { scope: "user", revokeUnusedAfter: { seconds: 86_400n } };
    await patwarden.ask(updatePolicy, { policy, updateMask: { paths: ["revoke_unused_after"] } });
    const [before] = await sql`select count(*)::int as replicas from replica_lease`;
    const started = runPatwarden(["serve", "--config", file]);
    expect(await started.exited).toBe(1);
    expect(started.log()).toContain("another process uses this port");
    const [after] = await sql`select count(*)::int as replicas from replica_lease`;
    expect(after?.["replicas"]).toBe(before?.["replicas"]);
    // A server that has started ends it at once.
    expect((await patwarden.ask(getToken, { id: token.id })).token?.state).toBe(Token_State.ACTIVE);
    await patwarden.ask(deletePolicy, { scope: "user" });
    await sql.end();
    rmSync(directory, { recursive: true });
  }, 120_000);

  it("applies other callers at SIGHUP, all or nothing", async () => {
    const server = await patwarden.startReplica();
    const [port] = server.ports;
    const { admin } = server.keys;
    const next = newKey();
    const answered = async (key: string) => (await port?.call(check, question(), { key }))?.ok;
    expect([await answered(admin), await answered(next)]).toEqual([true, false]);
    const config = parse(readFileSync(server.configFile, "utf8"));

    writeFileSync(
      server.configFile,
      stringify({ ...config, callers: [{ name: "Wrong Name", key_sha256: [hashOf(next)] }] }),
    );
    server.child.kill("SIGHUP");
    await expect.poll(() => server.log()).toContain("nothing was reloaded");
    expect([await answered(admin), await answered(next)]).toEqual([true, false]);

    const callers = [{ name: "admin", key_sha256: [hashOf(next)], permissions: ["check"] }];
    writeFileSync(server.configFile, stringify({ ...config, callers, reflection: false }));
    server.child.kill("SIGHUP");
    await expect.poll(() => answered(next)).toBe(true);
    expect(await answered(admin)).toBe(false);
    await expect.poll(() => server.log()).toContain("need a restart");

    // The metric shows the configuration in use, without the keys that need a restart.
    const hash = await configHashOf(server);
    writeFileSync(server.configFile, stringify({ ...config, callers, reflection: false, grace: "7s" }));
    server.child.kill("SIGHUP");
    await expect.poll(() => server.log()).toContain('"grace"');
    expect(await configHashOf(server)).toBe(hash);
    expect(await server.stop()).toBe(0);
  });

  it("applies other words at SIGHUP, and shows whether the model has them", async () => {
    const label = (action: string) => ({ types: { document: { actions: { [action]: { label: "see" } } } } });
    const server = await patwarden.startReplica({ config: { catalog: label("viewer") } });
    const config = parse(readFileSync(server.configFile, "utf8"));
    const reload = (catalog: object | undefined): void => {
      writeFileSync(server.configFile, stringify({ ...config, catalog }));
      server.child.kill("SIGHUP");
    };
    const labels = async (): Promise<readonly string[]> => {
      const answer = await server.port("HTTP").call(SelfService.method.getCatalog, { subject: "user:alice" });
      if (!answer.ok) throw new Error(answer.message);
      return answer.value.types.flatMap(({ actions }) => actions.flatMap(({ label }) => label || []));
    };
    const check = async () => Object(await (await fetch(`${server.http}/readyz`)).json()).checks.model_catalog;
    await expect.poll(labels, waiting).toEqual(["see"]);
    expect(await check()).toEqual({ ok: true });
    reload(label("vieuwer"));
    await expect.poll(labels, waiting).toEqual([]);
    expect(await check()).toMatchObject({ ok: false, problem: expect.stringContaining("vieuwer") });
    reload(undefined);
    await expect.poll(check, waiting).toBeUndefined();
    expect(server.log()).not.toContain("need a restart");
    expect(await server.stop()).toBe(0);
  }, 120_000);

  describe("applies another model at SIGHUP", () => {
    const model = (relations: string) => `model
  schema 1.1
type user
type organization
  relations
    define admin: [user]
    define member: [user] or admin
type document
  relations
    define editor: [user, organization]
    ${relations}
`;
    const forReaders = "define reader: [user, organization]";
    const serve = async (modelId: string, address = patwarden.openfga.grpc) => {
      const server = await patwarden.startReplica({
        config: {
          openfga: {
            addresses: [address],
            auth: { preshared: patwarden.openfga.apiKey },
            store_id: patwarden.openfga.storeId,
            model_id: modelId,
            max_staleness: "1h",
          },
        },
      });
      const written = parse(readFileSync(server.configFile, "utf8"));
      const reload = (over: { readonly openfga?: object } & Readonly<Record<string, unknown>>): void => {
        writeFileSync(
          server.configFile,
          stringify({ ...written, ...over, openfga: { ...written.openfga, ...over.openfga } }),
        );
        server.child.kill("SIGHUP");
      };
      const asked = (action: string, key = server.keys.admin) =>
        Promise.all(
          server.ports.map(async (port) => {
            const reply = await port.call(check, { ...question(), action }, { key });
            return reply.ok ? reply.value.reason : reply.reason;
          }),
        );
      return { server, reload, asked };
    };

    it("and parses by it and asks it at once, whatever was asked or kept before", async () => {
      const { storeId, modelId, admin } = patwarden.openfga;
      await admin.writeTuples(storeId, [{ user: "user:alice", relation: "editor", object: "document:roadmap" }]);
      const { server, reload, asked } = await serve(modelId);
      // Alice may view documents that she edits.
      expect([await asked("viewer"), await asked("reader")]).toEqual([
        [Reason.ALLOWED, Reason.ALLOWED],
        ["UNKNOWN_ACTION", "UNKNOWN_ACTION"],
      ]);
      const next = await admin.writeModel(storeId, model(`define viewer: [user]\n    ${forReaders}`));
      await admin.writeTuples(storeId, [{ user: "user:carol", relation: "reader", object: "document:roadmap" }]);
      const hash = await configHashOf(server);
      reload({ openfga: { model_id: next } });
      await expect
        .poll(() => server.log(), waiting)
        .toContain("reloaded callers, issuers, catalog, certificates and model");
      expect([await asked("viewer"), await asked("reader"), await asked("can_view")]).toEqual([
        [Reason.NOT_PERMITTED, Reason.NOT_PERMITTED],
        [Reason.NOT_PERMITTED, Reason.NOT_PERMITTED],
        ["UNKNOWN_ACTION", "UNKNOWN_ACTION"],
      ]);
      expect(await configHashOf(server)).not.toBe(hash);
      expect(server.log()).not.toContain("need a restart");
      // And back.
      reload({ openfga: { model_id: modelId } });
      await expect.poll(() => asked("viewer"), waiting).toEqual([Reason.ALLOWED, Reason.ALLOWED]);
      expect(await server.stop()).toBe(0);
    });

    it("or nothing of the configuration, when OpenFGA does not have it or does not answer", async () => {
      const proxy = await startProxy(patwarden.openfga.grpc);
      const { server, reload, asked } = await serve(patwarden.openfga.modelId, proxy.address);
      const { admin: old } = server.keys;
      const key = newKey();
      const callers = [{ name: "admin", key_sha256: [hashOf(key)], permissions: ["check"] }];
      const nothing = async (refusals: number) => {
        await expect
          .poll(() => server.log().match(/cannot read the authorization model/g)?.length, waiting)
          .toBe(refusals);
        expect(await asked("viewer", key)).toEqual(["CALLER_UNAUTHENTICATED", "CALLER_UNAUTHENTICATED"]);
      };
      const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
      reload({ callers, openfga: { model_id: unknown } });
      await nothing(1);
      expect(await asked("viewer", old)).toEqual([Reason.ALLOWED, Reason.ALLOWED]);
      const next = await patwarden.openfga.admin.writeModel(patwarden.openfga.storeId, model(forReaders));
      proxy.cut();
      reload({ callers, openfga: { model_id: next } });
      await nothing(2);
      expect(server.log()).toContain("Correct openfga.model_id");
      proxy.heal();
      await expect.poll(() => asked("editor", old), waiting).toEqual([Reason.ALLOWED, Reason.ALLOWED]);
      reload({ callers, openfga: { model_id: next } });
      await expect.poll(() => asked("viewer", key), waiting).toEqual(["UNKNOWN_ACTION", "UNKNOWN_ACTION"]);
      expect(await asked("editor", key)).toEqual([Reason.ALLOWED, Reason.ALLOWED]);
      expect(await asked("editor", old)).toEqual(["CALLER_UNAUTHENTICATED", "CALLER_UNAUTHENTICATED"]);
      expect(await server.stop()).toBe(0);
      await proxy.close();
    });
  });

  it.each(grpcEngines.flatMap((engine) => (["SIGTERM", "SIGINT"] as const).map((signal) => ({ engine, signal }))))(
    "drains at $signal, with $engine: a call in flight is answered, then it ends with 0",
    async ({ engine, signal }) => {
      const openfga = await startProxy(patwarden.openfga.grpc);
      const slow = await patwarden.startReplica({
        openfga: { addresses: [openfga.address] },
        env: onEngine(engine),
      });
      openfga.stall();
      const inFlight = slow.ports.map((port, index) =>
        port.call(check, { ...question(), resource: `document:in-flight-${index}` }),
      );
      for (const index of inFlight.keys())
        await expect.poll(() => openfga.unheard(), waiting).toContain(`document:in-flight-${index}`);
      slow.child.kill(signal);
      const replies = await Promise.all(inFlight);
      // OpenFGA stays silent, so its time-out decides the answer: the test needs only that there is one.
      for (const reply of replies) expect(reply).toMatchObject({ ok: false, reason: "DEADLINE_EXCEEDED" });
      expect(await slow.exited).toBe(0);
      expect(slow.log()).toContain("draining");
      for (const port of slow.ports) port.close();
      await openfga.close();
    },
  );

  it("starts and ends without notifications, and receives them once they arrive", async () => {
    const listenUrl = new URL(patwarden.databaseUrl);
    const between = await startProxy(listenUrl.host);
    between.cut();
    listenUrl.host = between.address;
    const server = await patwarden.startReplica({
      config: { database: { url: patwarden.databaseUrl, listen_url: listenUrl.href } },
    });
    const hints = async () =>
      /^patwarden_revocation_notifications (\d)$/m.exec(
        await (await fetch(`http://${server.metrics}/metrics`)).text(),
      )?.[1];
    expect(await hints()).toBe("0");
    expect(server.log()).toContain("database.listen_url");
    between.heal();
    await expect.poll(hints, waiting).toBe("1");
    between.cut();
    await expect.poll(hints, waiting).toBe("0");
    expect(await server.stop()).toBe(0);
    await between.close();
  });

  it("speaks TLS on both ports", async () => {
    const { cert, key } = selfSigned();
    const directory = mkdtempSync(join(tmpdir(), "patwarden-tls-"));
    writeFileSync(join(directory, "cert.pem"), cert);
    writeFileSync(join(directory, "key.pem"), key);
    const tls = { cert: join(directory, "cert.pem"), key: join(directory, "key.pem") };
    const server = await patwarden.startReplica({
      config: { grpc: { listen: "127.0.0.1:0", tls }, http: { listen: "127.0.0.1:0", tls } },
    });
    const client = new grpc.Client(server.grpc, grpc.credentials.createSsl(Buffer.from(cert)), {
      "grpc.ssl_target_name_override": "localhost",
    });
    await new Promise<void>((resolve, reject) =>
      client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
    );
    client.close();
    const status = await new Promise((resolve, reject) => {
      const url = new URL("/livez", server.http.replace("http:", "https:"));
      https
        .get(url, { ca: cert, servername: "localhost" }, (response) => resolve(response.statusCode))
        .on("error", reject);
    });
    expect(status).toBe(200);
    await server.stop();
    rmSync(directory, { recursive: true });
  }, 120_000);

  it("refuses two authorization headers on the HTTP port", async () => {
    const { hostname, port } = new URL(patwarden.server.http);
    const line = `authorization: Bearer ${patwarden.server.keys.admin}\r\n`;
    const answer = await new Promise<string>((resolve) => {
      const socket = net.connect(Number(port), hostname, () =>
        socket.write(
          `POST /${listTokens.parent.typeName}/${listTokens.name} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${line}${line}connection: close\r\ncontent-length: 2\r\n\r\n{}`,
        ),
      );
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("close", () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toContain("unauthenticated");
  });

  it("counts the usable secrets of a pepper, and makes peppers and keys", async () => {
    const main = new URL("../../dist/main.js", import.meta.url).pathname;
    // Not execFileSync: the proxy to the database runs in this process.
    const run = async (...args: string[]) => (await promisify(execFile)(process.execPath, [main, ...args])).stdout;
    const [row] = JSON.parse(await run("keys", "peppers", "--config", patwarden.server.configFile, "--json"));
    expect(row).toMatchObject({ version: 1, secrets: await patwarden.countTokens() });
    expect(Buffer.from((await run("keys", "pepper")).trim(), "base64")).toHaveLength(32);
    const { key, key_sha256 } = JSON.parse(await run("keys", "service", "--json"));
    expect(key).toMatch(/^pw_svc_[0-9A-Za-z]{49}$/);
    expect(key_sha256).toBe(hashOf(key));
  });
});
