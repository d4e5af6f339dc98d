import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ActionName, ResourceName, SubjectName } from "../src/identifier/identifier.js";
import { findOpenFga } from "../src/openfga/binary.js";
import { startOpenFga } from "../src/openfga/child-process.js";
import { OpenFgaClient } from "../src/openfga/client.js";
import { type ConnectionState, OpenFgaConnection } from "../src/openfga/connection.js";
import { createGrpcPermissionChecker } from "../src/openfga/grpc-permission-checker.js";
import type { Question } from "../src/openfga/permission-checker.js";
import { startTestOpenFga, type TestOpenFga } from "./kit/openfga.js";

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
const quick = { consistency: "minimize-latency" } as const;

describe("against a real OpenFGA", () => {
  let openfga: TestOpenFga;
  let client: OpenFgaClient;
  beforeAll(async () => {
    openfga = await startTestOpenFga(model.replace("\n    define loop: loop2\n    define loop2: loop", ""), [
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
    new OpenFgaClient({ addresses: [address], tls: false, apiKey, timeoutMs });
  const checkerOf = (over: Partial<Parameters<typeof createGrpcPermissionChecker>[0]> = {}) =>
    createGrpcPermissionChecker({
      client,
      storeId: openfga.storeId,
      modelId: openfga.modelId,
      maxBatch: 50,
      ...over,
    });

  it("answers yes and no, alone and in a batch, in order", async () => {
    const checker = checkerOf();
    const may = question("user:a", "viewer", "document:1");
    const mayNot = question("user:b", "viewer", "document:1");
    expect(await checker.check(may, quick)).toBe(true);
    expect(await checker.check(mayNot, { consistency: "higher" })).toBe(false);
    const many = Array.from({ length: 120 }, (_, index) => (index % 3 === 0 ? may : mayNot));
    const expected = many.map((asked) => asked === may);
    expect(await checker.batchCheck(many, quick)).toEqual(expected);
  });

  it("tells which parameter the model's condition misses, for that item alone (openfga#1238)", async () => {
    const checker = checkerOf();
    const conditional = question("organization:acme", "viewer", "document:1");
    const context = { reason: "MODEL_CONTEXT_REQUIRED", metadata: { parameter: "current_time" } };
    expect(await checker.check(conditional, quick)).toMatchObject(context);
    const [first, second] = await checker.batchCheck([conditional, question("user:a", "viewer", "document:1")], quick);
    expect(first).toMatchObject(context);
    expect(second).toBe(true);
  });

  it("reports an unknown relation at run time as a defect of the deployment, neighbours unharmed", async () => {
    const checker = checkerOf();
    const [unknown, known] = await checker.batchCheck(
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
      expect(await checkerOf(over).check(asked, quick)).toMatchObject({ reason: "OPENFGA_MISCONFIGURED" });
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
    expect(await checker.check(asked, { ...quick, deadline })).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    const controller = new AbortController();
    const cancelled = checker.check(asked, { ...quick, signal: controller.signal });
    controller.abort();
    expect(await cancelled).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    lonely.close();
    silent.close();
  });

  it("goes on with the other of two addresses when one is gone", async () => {
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const address = gone.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    gone.close();
    const two = new OpenFgaClient({
      addresses: [`127.0.0.1:${address.port}`, openfga.grpc],
      tls: false,
      apiKey: openfga.apiKey,
      timeoutMs: 5_000,
    });
    const checker = checkerOf({ client: two });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => checker.check(question("user:a", "viewer", "document:1"), quick)),
    );
    expect(answers).toEqual(Array(20).fill(true));
    two.close();
  });

  it("leaves the proxy of the environment alone", async () => {
    const { http_proxy } = process.env;
    process.env["http_proxy"] = "http://127.0.0.1:9";
    try {
      const direct = clientOf(openfga.grpc, openfga.apiKey);
      const checker = checkerOf({ client: direct });
      expect(await checker.check(question("user:a", "viewer", "document:1"), quick)).toBe(true);
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
    expect(await checker.check(question("user:a", "viewer", "document:1"), quick)).toMatchObject({
      reason: "OPENFGA_UNAVAILABLE",
    });
  });

  describe("the connection", () => {
    const look = async (
      over: Partial<ConstructorParameters<typeof OpenFgaConnection>[0]>,
    ): Promise<ConnectionState> => {
      const connection = new OpenFgaConnection({ client, storeId: openfga.storeId, modelId: openfga.modelId, ...over });
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
      for (const over of [
        { client: wrongKey },
        { storeId: "01ARZ3NDEKTSV4RRFFQ69G5FAV" },
        { storeId: other },
        // openfga#714: a deleted store goes on answering Checks; only GetStore tells.
        { storeId: deleted, modelId: deletedModel },
      ]) {
        expect(await look(over)).toMatchObject({ kind: "misconfigured" });
      }
      wrongKey.close();
    });

    it("is unreachable while nothing listens, and its model unknown", async () => {
      const nobody = clientOf("127.0.0.1:1", undefined, 500);
      const connection = new OpenFgaConnection({ client: nobody, storeId: openfga.storeId, modelId: openfga.modelId });
      await connection.start();
      expect(connection.state).toMatchObject({ kind: "unreachable" });
      expect(() => connection.model()).toThrow(expect.objectContaining({ reason: "OPENFGA_UNAVAILABLE" }));
      connection.close();
      nobody.close();
    });

    it("reads what the model knows", async () => {
      const connection = new OpenFgaConnection({ client, storeId: openfga.storeId, modelId: openfga.modelId });
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
        // A userset of members is not the organization itself, unless that can be a member of itself.
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

  it("sets a store up again without harm, and a changed condition takes the old one's place", async () => {
    const tuple = { user: "user:z", relation: "editor", object: "document:9" };
    const conditional = { user: "organization:z", relation: "viewer", object: "document:9" };
    const late = (start: string) => ({ ...conditional, condition: { name: "late", context: { start } } });
    for (let round = 0; round < 2; round++) {
      await openfga.admin.writeTuples(openfga.storeId, [tuple, tuple, late("2020-01-01T00:00:00Z")]);
    }
    await openfga.admin.writeTuples(openfga.storeId, [late("2021-01-01T00:00:00Z"), tuple]);
    expect(await checkerOf().check(question("user:z", "viewer", "document:9"), quick)).toBe(true);
    expect(await openfga.admin.findStore("test")).toBe(openfga.storeId);
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
    const { createOpenFgaAdmin } = await import("../src/openfga/admin.js");
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
      import { startOpenFga } from ${JSON.stringify(new URL("../dist/openfga/child-process.js", import.meta.url).href)};
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

  it("says what OpenFGA said when it cannot start", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-broken-"));
    await expect(startOpenFga({ binary: "/nonexistent/openfga", directory, engine: "memory" })).rejects.toThrow(
      /OpenFGA ended with 127: .*not found/,
    );
    rmSync(directory, { recursive: true });
  });
});
