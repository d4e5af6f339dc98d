import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OpenFGAService } from "#gen/openfga/v1/openfga_service_pb.js";
import type { Awaitable } from "../src/domain/awaitable.js";
import { grpcEngines } from "../src/domain/grpc-engine.js";
import type { ActionName, ResourceName, SubjectName } from "../src/domain/identifier.js";
import type { OpenFgaAnswer, PermissionChecker, Question } from "../src/domain/permission-checker.js";
import { findOpenFga } from "../src/openfga/admin/binary.js";
import { startOpenFga } from "../src/openfga/admin/child-process.js";
import { BatchingPermissionChecker } from "../src/openfga/batching-permission-checker.js";
import { OpenFgaClient } from "../src/openfga/client.js";
import { createContextOf } from "../src/openfga/condition-context.js";
import { type ConnectionState, OpenFgaConnection } from "../src/openfga/connection.js";
import { describeFault } from "../src/openfga/fault.js";
import { createGrpcPermissionChecker } from "../src/openfga/grpc-permission-checker.js";
import { openTestStore, type TestOpenFga } from "./kit/openfga.js";
import { selfSigned } from "./kit/self-signed.js";

const model = `model
  schema 1.1
type user
type bot
type organization
  relations
    define member: [user, organization]
type folder
  relations
    define owner: [user]
    define viewer: [organization#member] or owner
type document
  relations
    define parent: [folder]
    define blocked: [user]
    define public: [user:*]
    define editor: [user]
    define viewer: [user, organization with late] or editor or viewer from parent
    define reader: viewer but not blocked
    define both: editor and viewer
    define loop: loop2
    define loop2: loop
condition late(current_time: timestamp, start: timestamp) {
  current_time > start
}
`;

const question = (subject: string, action: string, resource: string): Question => ({
  subject: subject as SubjectName,
  action: action as ActionName,
  resource: resource as ResourceName,
});
const quick = "minimize-latency";

async function ask(checker: PermissionChecker, asked: Question, consistency: typeof quick | "higher" = quick) {
  const [permission] = await checker.check([asked], consistency);
  return permission;
}

describe.each(grpcEngines)("against a real OpenFGA, by %s", (engine) => {
  let openfga: TestOpenFga;
  let client: OpenFgaClient;
  beforeAll(async () => {
    openfga = await openTestStore(model.replace("\n    define loop: loop2\n    define loop2: loop", ""), [
      { user: "user:a", relation: "editor", object: "document:1" },
      {
        user: "organization:acme",
        relation: "viewer",
        object: "document:1",
        condition: { name: "late", context: { start: "2020-01-01T00:00:00Z" } },
      },
    ]);
    client = clientOf(openfga.grpc, openfga.apiKey);
  });
  afterAll(async () => {
    client.close();
    await openfga.stop();
  });

  const clientOf = (address: string, apiKey: string | undefined, timeoutMs = 5_000) =>
    new OpenFgaClient({ engine, addresses: [address], tls: false, apiKey, timeoutMs });
  const checkerOf = (over: Partial<Parameters<typeof createGrpcPermissionChecker>[0]> = {}) =>
    createGrpcPermissionChecker({
      client,
      storeId: openfga.storeId,
      modelId: openfga.modelId,
      ...over,
    });

  it("answers yes and no, alone and in a batch, in order", async () => {
    const checker = checkerOf();
    const may = question("user:a", "viewer", "document:1");
    const mayNot = question("user:b", "viewer", "document:1");
    expect(await ask(checker, may)).toBe(true);
    expect(await ask(checker, mayNot, "higher")).toBe(false);
    const many = Array.from({ length: 50 }, (_, index) => (index % 3 === 0 ? may : mayNot));
    const expected = many.map((asked) => asked === may);
    expect(await checker.check(many, quick)).toEqual(expected);
  });

  it("names the parameter that the model's condition misses, for that item alone (openfga#1238)", async () => {
    const checker = checkerOf();
    const conditional = question("organization:acme", "viewer", "document:1");
    const context = { reason: "MODEL_CONTEXT_REQUIRED", metadata: { parameter: "current_time" } };
    expect(await ask(checker, conditional)).toMatchObject(context);
    const [first, second] = await checker.check([conditional, question("user:a", "viewer", "document:1")], quick);
    expect(first).toMatchObject(context);
    expect(second).toBe(true);
  });

  it("reports an unknown relation at run time as a defect of the deployment, without effect on other items", async () => {
    const checker = checkerOf();
    const [unknown, known] = await checker.check(
      [question("user:a", "publish", "document:1"), question("user:a", "viewer", "document:1")],
      quick,
    );
    expect(unknown).toMatchObject({ reason: "INTERNAL" });
    expect(known).toBe(true);
  });

  it("reports a wrong key, model or store as misconfiguration", async () => {
    const asked = question("user:a", "viewer", "document:1");
    const wrongKey = clientOf(openfga.grpc, "wrong");
    const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for (const over of [{ client: wrongKey }, { modelId: unknown }, { storeId: unknown }]) {
      expect(await ask(checkerOf(over), asked)).toMatchObject({ reason: "OPENFGA_MISCONFIGURED" });
    }
    wrongKey.close();
  });

  it("ends a call at its caller's deadline, however long the server stays silent (openfga#2454)", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const lonely = clientOf(`127.0.0.1:${address.port}`, undefined, 60_000);
    const checker = checkerOf({ client: lonely });
    const asked = question("user:a", "viewer", "document:1");
    const deadline = performance.now() + 200;
    expect(await checker.check([asked], quick, { deadline })).toMatchObject([{ reason: "DEADLINE_EXCEEDED" }]);
    lonely.close();
    silent.close();
  });

  it("uses the other of two addresses when one is down", async () => {
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const address = gone.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    gone.close();
    const two = new OpenFgaClient({
      engine,
      addresses: [`127.0.0.1:${address.port}`, openfga.grpc],
      tls: false,
      apiKey: openfga.apiKey,
      timeoutMs: 5_000,
    });
    const checker = checkerOf({ client: two });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ask(checker, question("user:a", "viewer", "document:1"))),
    );
    expect(answers).toEqual(Array(20).fill(true));
    two.close();
  });

  describe("says what is wrong with the addresses or with TLS:", () => {
    const { cert, key } = selfSigned();
    const described = async (address: string, tls: boolean) => {
      const wrong = new OpenFgaClient({ engine, addresses: [address], tls, apiKey: "k", timeoutMs: 5_000 });
      const reply = await wrong.call(OpenFGAService.method.getStore, { storeId: openfga.storeId });
      wrong.close();
      if (reply.ok) throw new Error("answered");
      return describeFault("store", reply, {
        addresses: ["HOST"],
        engine,
        tls,
        hasRootsFile: false,
        hasKey: true,
        timeoutMs: 5_000,
        maxBatch: 50,
      });
    };
    const listening = async (server: Server) => {
      await once(server.listen(0, "127.0.0.1"), "listening");
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    };

    it("nobody listens, no such host", async () => {
      expect(await described("127.0.0.1:1", false)).toContain("nothing listens at HOST");
      expect(await described("patwarden.invalid:1", false)).toContain("the host of HOST cannot be found");
    });

    it("one side uses TLS, or a certificate that is not trusted", async () => {
      const server = createTlsServer({ cert, key, ALPNProtocols: ["h2"] }, (socket) => {
        socket.on("error", () => undefined);
      });
      server.on("tlsClientError", () => undefined);
      const address = await listening(server);
      expect(await described(openfga.grpc, true)).toContain("does not use TLS");
      expect(await described(address, false)).toContain("if it uses TLS, set openfga.tls: true");
      expect(await described(address, true)).toContain("is not trusted");
      server.close();
    });

    it("it is the HTTP port", async () => {
      expect(await described(new URL(openfga.http).host, false)).toContain(
        "does not use gRPC; is it OpenFGA's HTTP port?",
      );
    });
  });

  it("leaves the proxy of the environment alone", async () => {
    const { http_proxy } = process.env;
    process.env["http_proxy"] = "http://127.0.0.1:9";
    try {
      const direct = clientOf(openfga.grpc, openfga.apiKey);
      const checker = checkerOf({ client: direct });
      expect(await ask(checker, question("user:a", "viewer", "document:1"))).toBe(true);
      direct.close();
    } finally {
      if (http_proxy === undefined) delete process.env["http_proxy"];
      else process.env["http_proxy"] = http_proxy;
    }
  });

  it("answers also after it was closed", async () => {
    const closed = clientOf(openfga.grpc, openfga.apiKey);
    closed.close();
    const checker = checkerOf({ client: closed });
    expect(await ask(checker, question("user:a", "viewer", "document:1"))).toMatchObject({
      reason: "OPENFGA_UNAVAILABLE",
    });
  });

  describe("asked in batches", () => {
    /** Users 0 to 39 view every third of 40 documents, shifted by their number. */
    const mayView = (user: number, document: number): boolean => (user + document) % 3 === 0;
    const users = Array.from({ length: 40 }, (_, index) => index);
    const all = users.flatMap((user) => users.map((document) => ({ user, document })));
    const asked = ({ user, document }: (typeof all)[number]) =>
      question(`user:u${user}`, "viewer", `document:d${document}`);
    const batching = (over: Partial<ConstructorParameters<typeof BatchingPermissionChecker>[0]> = {}) =>
      new BatchingPermissionChecker({
        checker: checkerOf(),
        contextOf: createContextOf({}, { now: () => new Date() }),
        timeoutMs: 20_000,
        maxBatch: 50,
        ...over,
      });
    beforeAll(async () => {
      const tuples = all
        .filter(({ user, document }) => mayView(user, document))
        .map(({ user, document }) => ({ user: `user:u${user}`, relation: "editor", object: `document:d${document}` }));
      await openfga.admin.writeTuples(openfga.storeId, tuples);
    });

    it.each([0, 60_000])(
      "answers 1,600 different questions, each twice, as they are (kept for %i ms)",
      async (maxStalenessMs) => {
        const sizes: number[] = [];
        const one = checkerOf();
        const checker = batching({
          maxStalenessMs,
          checker: {
            check(questions, ...rest) {
              sizes.push(questions.length);
              return one.check(questions, ...rest);
            },
          },
        });
        // Two thirds are asked alone, the rest in small batches; all at once, and then all again.
        for (let round = 0; round < 2; round++) {
          const answers: Awaitable<readonly OpenFgaAnswer[]>[] = [];
          for (let start = 0; start < all.length; ) {
            const count = start % 3 === 2 ? 7 : 1;
            answers.push(checker.check(all.slice(start, start + count).map(asked), start % 2 === 0 ? "higher" : quick));
            start += count;
          }
          const expected = all.map(({ user, document }) => mayView(user, document));
          expect((await Promise.all(answers)).flat()).toEqual(expected);
        }
        expect(Math.max(...sizes)).toBe(50);
        expect(sizes.length).toBeLessThan(200);
      },
    );

    it("asks again without a kept answer: a removed permission is denied at once", async () => {
      const tuple = { user: "user:gone", relation: "editor", object: "document:1" };
      await openfga.admin.writeTuples(openfga.storeId, [tuple]);
      const [fresh, stale] = [batching(), batching({ maxStalenessMs: 60_000 })];
      const gone = question("user:gone", "viewer", "document:1");
      expect([await ask(fresh, gone), await ask(stale, gone)]).toEqual([true, true]);
      await openfga.admin.deleteTuples(openfga.storeId, [tuple]);
      expect([await ask(fresh, gone), await ask(stale, gone)]).toEqual([false, true]);
      expect(await ask(stale, gone, "higher")).toBe(false);
      expect(await ask(stale, gone)).toBe(false);
    });
  });

  describe("conditions", () => {
    const office = "192.0.2.0/24";
    let time = new Date();
    let storeId: string;
    let modelId: string;
    beforeAll(async () => {
      storeId = await openfga.admin.createStore("conditions");
      modelId = await openfga.admin.writeModel(
        storeId,
        `model
  schema 1.1
type user
type document
  relations
    define editor: [user with before]
    define viewer: [user with before, user with inside]
condition before(current_time: timestamp, end: timestamp) {
  current_time < end
}
condition inside(client_ip: ipaddress, cidr: string) {
  client_ip.in_cidr(cidr)
}
`,
      );
      const granted = (relation: string, object: string, name: string, context: object) => ({
        user: "user:a",
        relation,
        object,
        condition: { name, context },
      });
      await openfga.admin.writeTuples(storeId, [
        granted("editor", "document:1", "before", { end: "2026-03-01T12:00:00Z" }),
        granted("viewer", "document:2", "inside", { cidr: office }),
        granted("viewer", "document:3", "before", { end: "2026-03-01T12:00:00Z" }),
      ]);
    });
    const checkerWith = (parameters: Parameters<typeof createContextOf>[0]) =>
      new BatchingPermissionChecker({
        checker: checkerOf({ storeId, modelId }),
        contextOf: createContextOf(parameters, { now: () => time }),
        timeoutMs: 5_000,
        maxBatch: 50,
        maxStalenessMs: 60_000,
      });
    const byAddress = (clientAddress: string | undefined): Question => ({
      ...question("user:a", "viewer", "document:2"),
      clientAddress,
    });

    it("get the time in whole seconds", async () => {
      const checker = checkerWith({ current_time: "now" });
      const edit = question("user:a", "editor", "document:1");
      const answers = [];
      for (const now of ["2026-03-01T11:59:59.999Z", "2026-03-01T12:00:00.000Z", "2026-03-01T11:59:59.000Z"]) {
        time = new Date(now);
        answers.push(
          await ask(checker, edit),
          ...(await checker.check([edit, question("user:b", "editor", "document:1")], quick)),
        );
      }
      expect(answers).toEqual([true, true, false, false, false, false, true, true, false]);
    });

    it("get the bearer's address of each question, and without one name the missing parameter", async () => {
      const checker = checkerWith({ client_ip: "client_ip" });
      const answers = await checker.check(["192.0.2.7", "198.51.100.1", "192.0.2.7", undefined].map(byAddress), quick);
      const missing = { reason: "MODEL_CONTEXT_REQUIRED", metadata: { parameter: "client_ip" } };
      expect(answers).toMatchObject([true, false, true, missing]);
      expect(await checker.check([byAddress("192.0.2.7")], quick)).toEqual([true]);
      expect(await checker.check([byAddress("198.51.100.1")], quick)).toEqual([false]);
    });

    it("get no value that is not configured", async () => {
      const missing = { reason: "MODEL_CONTEXT_REQUIRED", metadata: { parameter: "client_ip" } };
      for (const parameters of [{}, { current_time: "now" as const }]) {
        expect(await ask(checkerWith(parameters), byAddress("192.0.2.7"))).toMatchObject(missing);
      }
    });
  });

  describe("the connection", () => {
    const endpoint = {
      addresses: ["openfga:8081"],
      engine: "builtin" as const,
      tls: false,
      hasRootsFile: false,
      hasKey: true,
      timeoutMs: 2_000,
      maxBatch: 50,
    };
    const pinned = () => ({ storeId: openfga.storeId, modelId: openfga.modelId, endpoint });
    const look = async (
      over: Partial<ConstructorParameters<typeof OpenFgaConnection>[0]>,
    ): Promise<ConnectionState> => {
      const connection = new OpenFgaConnection({ client, ...pinned(), ...over });
      await connection.start();
      connection.close();
      return connection.state;
    };

    it("is ready when store, model and a first question are answered", async () => {
      expect(await look({})).toEqual({ kind: "ready" });
    });

    it("is misconfigured with a wrong key, an unknown or deleted store, or another store's model", async () => {
      const other = await openfga.admin.createStore("other");
      const deleted = await openfga.admin.createStore("deleted");
      const deletedModel = await openfga.admin.writeModel(
        deleted,
        model.slice(0, model.indexOf("type document")).replace(/$/, ""),
      );
      await openfga.admin.deleteStore(deleted);
      const wrongKey = clientOf(openfga.grpc, "wrong");
      const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
      for (const [over, words] of [
        [{ client: wrongKey }, "openfga.auth.preshared: OpenFGA refuses the key (OpenFGA's error code 1500)"],
        [{ storeId: unknown }, "openfga.store_id: OpenFGA has no store of this id (OpenFGA's error code 5002)"],
        [{ modelId: unknown }, "openfga.model_id: the store has no model of this id (OpenFGA's error code 2001)"],
        [{ storeId: other }, "openfga.model_id: the store has no model of this id (OpenFGA's error code 2001)"],
        // openfga#714: a deleted store still answers Checks; only GetStore shows that it is deleted.
        [
          { storeId: deleted, modelId: deletedModel },
          "openfga.store_id: OpenFGA has no store of this id (OpenFGA's error code 5002)",
        ],
      ] as const) {
        expect(await look(over)).toEqual({ kind: "misconfigured", problem: words });
      }
      wrongKey.close();
    });

    it("is misconfigured when OpenFGA accepts fewer questions at once than we would send", async () => {
      expect(await look({ endpoint: { ...endpoint, maxBatch: 51 } })).toMatchObject({
        kind: "misconfigured",
        problem: expect.stringContaining("openfga.max_batch"),
      });
    });

    it("is unreachable while nothing listens, and its model unknown", async () => {
      const nobody = clientOf("127.0.0.1:1", undefined, 500);
      const connection = new OpenFgaConnection({ client: nobody, ...pinned() });
      await connection.start();
      expect(connection.state).toMatchObject({
        kind: "unreachable",
        problem: "openfga.addresses: nothing listens at openfga:8081 (gRPC status 14, UNAVAILABLE)",
      });
      expect(() => connection.model()).toThrow(expect.objectContaining({ reason: "OPENFGA_UNAVAILABLE" }));
      connection.close();
      nobody.close();
    });

    it("reads what the model knows", async () => {
      const connection = new OpenFgaConnection({ client, ...pinned() });
      await connection.start();
      connection.close();
      const read = connection.model();
      expect([...read.types]).toEqual(["user", "bot", "organization", "folder", "document"]);
      expect(read.hasAction("document", "viewer")).toBe(true);
      expect(read.hasAction("document", "member")).toBe(false);
      expect(read.hasAction("__proto__", "constructor")).toBe(false);
      expect(read.hasActionAnywhere("member")).toBe(true);
      const held: readonly [string, string, string, boolean][] = [
        ["user", "document", "viewer", true],
        ["user", "document", "both", true],
        ["user", "document", "reader", true],
        // A wildcard admits every user.
        ["user", "document", "public", true],
        // A userset of members does not include the organization, unless it can be a member of itself.
        ["organization", "folder", "viewer", true],
        ["organization", "folder", "owner", false],
        ["organization", "document", "viewer", true],
        ["organization", "document", "both", false],
        ["organization", "document", "editor", false],
        ["folder", "document", "parent", true],
        ["bot", "document", "viewer", false],
      ];
      for (const [subject, type, action, expected] of held) {
        expect(read.canHold(subject, type, action), `${subject} ${action} ${type}`).toBe(expected);
      }
      expect(read.admits("user")).toBe(true);
      expect(read.admits("bot")).toBe(false);
    });
  });

  it("sets a store up again without harm, and a changed condition replaces the old one", async () => {
    const tuple = { user: "user:z", relation: "editor", object: "document:9" };
    const conditional = { user: "organization:z", relation: "viewer", object: "document:9" };
    const late = (start: string) => ({ ...conditional, condition: { name: "late", context: { start } } });
    for (let round = 0; round < 2; round++) {
      await openfga.admin.writeTuples(openfga.storeId, [tuple, tuple, late("2020-01-01T00:00:00Z")]);
    }
    await openfga.admin.writeTuples(openfga.storeId, [late("2021-01-01T00:00:00Z"), tuple]);
    expect(await ask(checkerOf(), question("user:z", "viewer", "document:9"))).toBe(true);
    const named = `named-${randomUUID()}`;
    const storeId = await openfga.admin.createStore(named);
    expect(await openfga.admin.findStore(named)).toBe(storeId);
    await expect(openfga.admin.writeModel(openfga.storeId, "model\n  schema 1.1\ntype a b", "bad.fga")).rejects.toThrow(
      /bad\.fga:\d+:/,
    );
  });
});

describe("the embedded OpenFGA", () => {
  it("keeps its data over a restart, in a folder whose name would break a URI", async () => {
    const binary = findOpenFga();
    if (binary === undefined) throw new Error("no OpenFGA");
    const directory = mkdtempSync(join(tmpdir(), "patwarden 100%?#"));
    const first = await startOpenFga({ binary, directory, engine: "sqlite" });
    const { createOpenFgaAdmin } = await import("../src/openfga/admin/admin.js");
    const storeId = await createOpenFgaAdmin(first).createStore("kept");
    await first.stop();
    const second = await startOpenFga({ binary, directory, engine: "sqlite" });
    expect(await createOpenFgaAdmin(second).findStore("kept")).toBe(storeId);
    expect(second.apiKey).not.toBe(first.apiKey);
    await second.stop();
    rmSync(directory, { recursive: true });
  });

  it("ends with its parent, also when that is killed", async () => {
    const binary = findOpenFga();
    if (binary === undefined) throw new Error("no OpenFGA");
    const directory = mkdtempSync(join(tmpdir(), "patwarden-orphan-"));
    const script = `
      import { startOpenFga } from ${JSON.stringify(new URL("../dist/openfga/admin/child-process.js", import.meta.url).href)};
      const { http } = await startOpenFga(${JSON.stringify({ binary, directory, engine: "memory" })});
      console.log(http);
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(parent.stdout, "data");
    const http = String(line).trim();
    expect((await fetch(`${http}/healthz`)).status).toBe(200);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await expect
      .poll(
        () =>
          fetch(`${http}/healthz`).then(
            () => "there",
            () => "gone",
          ),
        { timeout: 15_000, interval: 100 },
      )
      .toBe("gone");
    rmSync(directory, { recursive: true });
  });

  it("reports OpenFGA's own error when it cannot start", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-broken-"));
    await expect(startOpenFga({ binary: "/nonexistent/openfga", directory, engine: "memory" })).rejects.toThrow(
      /OpenFGA ended with exit code 127: .*not found/,
    );
    rmSync(directory, { recursive: true });
  });
});
