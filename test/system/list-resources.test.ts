import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService, Consistency } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type Patwarden, type PortName, portNames, startPatwarden } from "../kit/patwarden.js";
import type { CallSettings, Port } from "../kit/ports.js";
import type { FaultProxy } from "../kit/proxy.js";

const { batchCheck, listResources } = AuthorizationService.method;

async function list(port: Port, request: MessageInitShape<typeof listResources.input>, settings?: CallSettings) {
  const reply = await port.list(listResources, { type: "document", action: "viewer", ...request }, settings);
  if (!reply.ok) return reply;
  const [first, ...rest] = reply.value;
  // Every answer must have these properties.
  expect(first).toBeDefined();
  expect(rest.map(({ reason, tokenValid }) => [reason, tokenValid])).toEqual(rest.map(() => [0, false]));
  expect(reply.value.slice(0, -1).map(({ incomplete }) => incomplete)).not.toContain(true);
  expect(Math.max(...reply.value.map(({ resources }) => resources.length))).toBeLessThanOrEqual(1_000);
  return {
    ok: true as const,
    reason: first?.reason,
    tokenValid: first?.tokenValid,
    resources: reply.value.flatMap(({ resources }) => resources),
    incomplete: reply.value.at(-1)?.incomplete,
  };
}

describe("lists", () => {
  /** The tuples of examples/direct, and some that alice, acme and its members reach in every way that the model has. */
  const few = Array.from({ length: 60 }, (_, index) => `document:few-${index}`);
  const documents = ["document:roadmap", "document:payroll", "document:price-list", "document:handbook", ...few];
  const many = Array.from({ length: 2_500 }, (_, index) => `document:many-${index}`);
  let patwarden: Patwarden;
  beforeAll(async () => {
    // A slow machine must not make a list incomplete.
    patwarden = await startPatwarden({ env: { PATWARDEN_OPENFGA_LIST_DEADLINE: "1m" } });
    const { admin, storeId } = patwarden.openfga;
    await admin.writeTuples(storeId, [
      ...few.flatMap((object, index) => [
        ...(index % 2 === 0 ? [{ user: "user:alice", relation: "viewer", object }] : []),
        ...(index % 3 === 0 ? [{ user: "organization:acme#member", relation: "editor", object }] : []),
        ...(index % 5 === 0 ? [{ user: "organization:acme", relation: "viewer", object }] : []),
        ...(index % 7 === 0 ? [{ user: "user:carol", relation: "editor", object }] : []),
      ]),
      ...many.map((object) => ({ user: "user:many", relation: "viewer", object })),
    ]);
  });
  afterAll(() => patwarden.stop());

  /** Returns the documents that a Check for each of them allows. */
  async function checked(port: Port, token: string, action: string, consistency: Consistency): Promise<string[]> {
    const items = documents.map((resource) => ({ resource, action }));
    const reply = await port.call(batchCheck, { token, consistency, items });
    if (!reply.ok) throw new Error(reply.message);
    return documents.filter((_, index) => {
      const result = reply.value.results[index]?.result;
      if (result?.case !== "decision") throw new Error("a Check failed");
      return result.value.allowed;
    });
  }

  const rule = (actions: string[], resources: string[]) => ({ actions, resources });
  it.each<[string, object]>([
    ["a user", { subject: "user:alice", grant: { full: true } }],
    ["a user who reaches little", { subject: "user:carol", grant: { full: true } }],
    ["a user who reaches nothing", { subject: "user:nobody", grant: { full: true } }],
    ["an organization", { subject: "organization:acme", grant: { full: true } }],
    ["a user for an organization", { subject: "user:alice", organization: "organization:acme", grant: { full: true } }],
    ["a grant of one action", { subject: "user:alice", grant: { rules: [rule(["viewer"], ["document:*"])] } }],
    ["a grant of all actions", { subject: "user:alice", grant: { rules: [rule(["*"], ["document:*"])] } }],
    [
      "named documents",
      {
        subject: "user:alice",
        grant: {
          rules: [
            rule(["viewer"], ["document:few-0", "document:few-1", "document:few-7", "document:gone"]),
            rule(["*"], ["document:few-3", "organization:acme"]),
            rule(["editor"], ["document:few-6"]),
          ],
        },
      },
    ],
    [
      "named documents for an organization",
      {
        subject: "user:alice",
        organization: "organization:acme",
        grant: { rules: [rule(["editor"], few.slice(0, 12))] },
      },
    ],
    ["a grant of another type", { subject: "user:alice", grant: { rules: [rule(["*"], ["organization:*"])] } }],
    ["an empty grant", { subject: "user:alice", grant: {} }],
  ])("for %s are exactly what Check allows, over both ports, at either consistency", async (_what, token) => {
    const { secret } = await patwarden.createToken({ name: "n", ...token });
    const { port } = patwarden;
    for (const action of ["viewer", "editor"]) {
      for (const consistency of [Consistency.UNSPECIFIED, Consistency.HIGHER_CONSISTENCY]) {
        const allowed = await checked(port, secret, action, consistency);
        for (const name of portNames) {
          const listed = await list(patwarden.server.port(name), { token: secret, action, consistency });
          if (!listed.ok) throw new Error(listed.message);
          expect(listed.resources.toSorted()).toEqual(allowed.toSorted());
          expect([listed.incomplete, listed.tokenValid]).toEqual([false, true]);
        }
      }
    }
  });

  describe.each(portNames)("over %s", (name) => {
    const port = () => patwarden.server.port(name);

    it("have no limit on their length, and come in pages", async () => {
      const { secret } = await patwarden.createToken({ subject: "user:many", name: "n", grant: { full: true } });
      const reply = await port().list(listResources, { token: secret, type: "document", action: "viewer" });
      if (!reply.ok) throw new Error(reply.message);
      expect(reply.value.map(({ resources }) => resources.length)).toEqual([1_000, 1_000, 500]);
      expect(reply.value.flatMap(({ resources }) => resources).toSorted()).toEqual(many.toSorted());
    });

    it("are empty for a token that is refused, and say why first", async () => {
      const revoked = await patwarden.createToken();
      await port().call(TokenService.method.revokeToken, { id: revoked.token.id });
      const elsewhere = await patwarden.createToken({
        subject: "user:alice",
        name: "n",
        grant: { full: true },
        allowedCidrs: ["192.0.2.0/24"],
      });
      const ungranted = await patwarden.createToken({ subject: "user:alice", name: "n", grant: {} });
      const empty = { ok: true, resources: [], incomplete: false };
      const cases: readonly [object, Reason, boolean][] = [
        [{ token: "garbage" }, Reason.TOKEN_MALFORMED, false],
        [{ token: revoked.secret }, Reason.TOKEN_REVOKED, false],
        [{ token: elsewhere.secret }, Reason.NETWORK_NOT_ALLOWED, false],
        [{ token: elsewhere.secret, context: { clientIp: "198.51.100.1" } }, Reason.NETWORK_NOT_ALLOWED, false],
        [{ token: ungranted.secret }, Reason.NOT_GRANTED, true],
      ];
      for (const [request, reason, tokenValid] of cases) {
        expect(await list(port(), request)).toEqual({ ...empty, reason, tokenValid });
      }
      const inside = await list(port(), { token: elsewhere.secret, context: { clientIp: "192.0.2.9" } });
      expect(inside).toMatchObject({ reason: Reason.ALLOWED, resources: expect.arrayContaining(["document:roadmap"]) });
    });

    it("are empty when the policy, as it is now, blocks the token", async () => {
      const scope = "organization:policed";
      const { secret } = await patwarden.createToken({ subject: scope, name: "n", grant: { full: true } });
      await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
        { user: scope, relation: "viewer", object: "document:policed" },
      ]);
      const policed = async (forbidFull: boolean) => {
        const request = { policy: { scope, forbidFull }, updateMask: { paths: ["forbid_full"] } };
        const reply = await port().call(PolicyService.method.updatePolicy, request);
        if (!reply.ok) throw new Error(reply.message);
        return list(port(), { token: secret });
      };
      expect(await policed(true)).toMatchObject({ reason: Reason.POLICY, tokenValid: true, resources: [] });
      expect(await policed(false)).toMatchObject({ reason: Reason.ALLOWED, resources: ["document:policed"] });
    });

    it("are empty for a user token of an organization that the user has left", async () => {
      const { admin, storeId } = patwarden.openfga;
      const membership = { user: "user:leaver", relation: "member", object: "organization:acme" };
      await admin.writeTuples(storeId, [
        membership,
        { user: "user:leaver", relation: "viewer", object: "document:own" },
      ]);
      const { secret } = await patwarden.createToken({
        subject: "user:leaver",
        organization: "organization:acme",
        name: "n",
        grant: { full: true },
      });
      expect(await list(port(), { token: secret })).toMatchObject({
        resources: expect.arrayContaining(["document:own"]),
      });
      await admin.deleteTuples(storeId, [membership]);
      expect(await list(port(), { token: secret })).toEqual({
        ok: true,
        reason: Reason.NOT_A_MEMBER,
        tokenValid: true,
        resources: [],
        incomplete: false,
      });
    });

    it.each<[object, string, string[]]>([
      [{ token: "" }, "INVALID_FIELD", ["token"]],
      [{ type: "", action: "a b" }, "INVALID_FIELD", ["type", "action"]],
      [{ context: { clientIp: "localhost" }, consistency: 7 }, "INVALID_FIELD", ["context.client_ip", "consistency"]],
      [{ type: "folder" }, "UNKNOWN_TYPE", ["type"]],
      [{ type: "document:roadmap" }, "UNKNOWN_TYPE", ["type"]],
      [{ action: "member" }, "UNKNOWN_ACTION", ["action"]],
    ])("are refused for %j", async (request, reason, fields) => {
      expect(await list(port(), { token: patwarden.alice.secret, ...request })).toMatchObject({
        ok: false,
        code: "INVALID_ARGUMENT",
        reason,
        fields,
      });
    });
  });
});

describe("an OpenFGA that", () => {
  let patwarden: Patwarden;
  let openfga: FaultProxy;
  /** OpenFGA's list deadline is set so low that an answer that the proxy has held is surely later. */
  const listDeadlineMs = 20;
  beforeAll(async () => {
    patwarden = await startPatwarden({
      env: { PATWARDEN_OPENFGA_LIST_DEADLINE: `${listDeadlineMs}ms` },
    });
    openfga = patwarden.faults.openfga;
  });
  afterEach(() => openfga.heal());
  afterAll(async () => {
    await patwarden.stop();
  });

  const held = (): Promise<void> => expect.poll(() => openfga.holds(), { timeout: 10_000, interval: 10 }).toBe(true);
  const request = () => ({ token: patwarden.alice.secret, type: "document", action: "viewer" });
  const counted = async (outcome: string): Promise<number> => {
    const line = new RegExp(
      `^patwarden_openfga_calls_total{method="StreamedListObjects",outcome="${outcome}"} (\\d+)`,
      "m",
    );
    return Number(line.exec(await patwarden.metrics())?.[1] ?? 0);
  };

  describe.each(portNames)("(over %s)", (name) => {
    const port = () => patwarden.server.port(name);
    const isWell = () =>
      expect.poll(async () => (await list(port(), request())).ok, { timeout: 15_000, interval: 100 }).toBe(true);

    it("took as long as its own deadline may have left something out, and the list says so (openfga#3276)", async () => {
      await isWell();
      openfga.hold("user:alice");
      const listing = list(port(), request());
      await held();
      await sleep(listDeadlineMs);
      openfga.release();
      expect(await listing).toMatchObject({
        reason: Reason.ALLOWED,
        incomplete: true,
        resources: expect.arrayContaining(["document:roadmap", "document:handbook"]),
      });
    });

    it("does not answer makes no list: the call ends at its deadline", async () => {
      await isWell();
      openfga.hold("user:alice");
      const reply = await list(port(), request(), { timeoutMs: 300 });
      expect(reply).toMatchObject({ ok: false, code: "DEADLINE_EXCEEDED" });
    });

    it("is gone makes no list, empty or not", async () => {
      await isWell();
      openfga.cut();
      const reply = await list(port(), request());
      expect(reply).toMatchObject({ ok: false, code: "UNAVAILABLE", reason: "OPENFGA_UNAVAILABLE" });
    });

    it("is asked by a caller that leaves: the call to it is cancelled", async () => {
      await isWell();
      const before = await counted("cancelled");
      openfga.hold("user:alice");
      const left = leave(name);
      await held();
      await left();
      await expect.poll(() => counted("cancelled"), { timeout: 10_000, interval: 50 }).toBe(before + 1);
    });
  });

  /** Starts a list, and returns a function that cancels it. */
  function leave(name: PortName): () => Promise<void> {
    const path = `/${AuthorizationService.typeName}/${listResources.name}`;
    const body = Buffer.from(toBinary(listResources.input, create(listResources.input, request())));
    const key = `Bearer ${patwarden.server.keys.checker}`;
    if (name === "gRPC") {
      const client = new grpc.Client(patwarden.server.grpc, grpc.credentials.createInsecure());
      const metadata = new grpc.Metadata();
      metadata.set("authorization", key);
      const same = (bytes: Buffer): Buffer => bytes;
      const call = client.makeServerStreamRequest(path, same, same, body, metadata);
      call.on("error", () => undefined).resume();
      return async () => {
        call.cancel();
        client.close();
      };
    }
    const controller = new AbortController();
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    const call = fetch(`${patwarden.server.http}${path}`, {
      method: "POST",
      headers: { "content-type": "application/connect+proto", "connect-protocol-version": "1", authorization: key },
      body: Buffer.concat([head, body]),
      signal: controller.signal,
    });
    return async () => {
      controller.abort();
      await call.then((response) => response.arrayBuffer()).catch(() => undefined);
    };
  }
});
