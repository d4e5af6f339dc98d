import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grpcEngines } from "../../src/domain/grpc-engine.js";
import { type Patwarden, type PortName, portNames, startPatwarden } from "../kit/patwarden.js";
import type { Port } from "../kit/ports.js";
import type { FaultProxy } from "../kit/proxy.js";

const { check, batchCheck, introspect } = AuthorizationService.method;
const { createToken, getToken, listTokens, revokeToken } = TokenService.method;

describe.each(grpcEngines)("OpenFGA asked by %s", (openfgaEngine) => {
  let patwarden: Patwarden;
  let openfga: FaultProxy;
  let database: FaultProxy;
  beforeAll(async () => {
    patwarden = await startPatwarden({
      // So that a statement can be recognized by its text.
      prepare: false,
      openfgaEngine,
      // Every Check reads the database, and so shows its faults.
      config: { token_cache: { lease: "0s" } },
    });
    ({ database, openfga } = patwarden.faults);
  });
  afterAll(async () => {
    await patwarden.stop();
  });

  const question = () => ({ token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" });
  /** Returns the outcome of a Check over this port. */
  const outcome = (name: PortName) => patwarden.over(name).check(patwarden.alice.secret);
  const ready = async () => {
    const response = await fetch(`${patwarden.server.http}/readyz`);
    return { status: response.status, body: await response.text() };
  };
  const healthOf = async (service: string) => {
    const reply = await patwarden.port.call(Health.method.check, { service }, { key: null });
    return reply.ok ? reply.value.status : undefined;
  };
  const isWell = async (): Promise<void> => {
    for (const name of portNames) {
      await expect.poll(() => outcome(name), { timeout: 15_000, interval: 100 }).toBe(Reason.ALLOWED);
    }
    await expect.poll(async () => (await ready()).status, { timeout: 15_000, interval: 100 }).toBe(200);
    await expect
      .poll(() => healthOf(AuthorizationService.typeName), { timeout: 15_000, interval: 100 })
      .toBe(Status.SERVING);
  };

  describe.each(portNames)("over %s", (name) => {
    const port = (): Port => patwarden.server.port(name);
    afterEach(async () => {
      openfga.heal();
      database.heal();
      await isWell();
    });

    it("OpenFGA stopped: no decision, UNAVAILABLE; what needs none goes on, and revoking works", async () => {
      const { token, secret } = await patwarden.createToken();
      openfga.cut();
      expect(await outcome(name)).toBe("OPENFGA_UNAVAILABLE");
      const batch = await port().call(batchCheck, {
        token: secret,
        items: [
          { resource: "document:roadmap", action: "viewer" },
          { resource: "document:roadmap", action: "viewer", token: "nonsense" },
        ],
      });
      expect(batch).toMatchObject({
        ok: true,
        value: {
          results: [
            { result: { case: "error", value: { code: 14, reason: "OPENFGA_UNAVAILABLE" } } },
            { result: { case: "decision", value: { reason: Reason.TOKEN_MALFORMED } } },
          ],
        },
      });
      expect(await port().call(introspect, { token: secret })).toMatchObject({ ok: true, value: { active: true } });
      expect(await port().call(revokeToken, { id: token.id })).toMatchObject({
        ok: true,
        value: { token: { state: Token_State.REVOKED } },
      });
      expect(await port().call(check, { ...question(), token: secret })).toMatchObject({
        ok: true,
        value: { reason: Reason.TOKEN_REVOKED },
      });
      // Shown by the health of AuthorizationService and the body of /readyz, but the process still gets its traffic.
      await expect
        .poll(() => healthOf(AuthorizationService.typeName), { timeout: 10_000, interval: 50 })
        .toBe(Status.NOT_SERVING);
      expect(await healthOf(TokenService.typeName)).toBe(Status.SERVING);
      const { status, body } = await ready();
      expect(status).toBe(200);
      expect(JSON.parse(body)).toMatchObject({ checks: { openfga: { ok: false } } });
    });

    it("OpenFGA silent: DEADLINE_EXCEEDED at its own time-out and at the caller's, never a denial", async () => {
      openfga.stall();
      expect(await outcome(name)).toBe("DEADLINE_EXCEEDED");
      const reply = await port().call(check, question(), { timeoutMs: 300 });
      expect(reply).toMatchObject({ ok: false, code: "DEADLINE_EXCEEDED" });
    });

    it("RV-10 database cut: UNAVAILABLE, nothing half-written, nothing remembered", async () => {
      const before = await patwarden.countTokens();
      database.cut();
      expect(await outcome(name)).toBe("DATABASE_UNAVAILABLE");
      const created = await port().call(createToken, { subject: "user:alice", name: "lost" });
      expect(created).toMatchObject({ ok: false, code: "UNAVAILABLE", reason: "DATABASE_UNAVAILABLE" });
      for (const method of [getToken, revokeToken] as const) {
        expect(await port().call(method as typeof getToken, { id: patwarden.alice.token.id })).toMatchObject({
          ok: false,
          code: "UNAVAILABLE",
          reason: "DATABASE_UNAVAILABLE",
        });
      }
      // Calls that need no read are answered as before.
      expect(await port().call(check, { ...question(), token: "nonsense" })).toMatchObject({
        ok: true,
        value: { reason: Reason.TOKEN_MALFORMED },
      });
      await expect.poll(async () => (await ready()).status, { timeout: 10_000, interval: 100 }).toBe(503);
      expect((await fetch(`${patwarden.server.http}/livez`)).status).toBe(200);
      expect(await patwarden.countTokens()).toBe(before);
    });

    it("connection lost during COMMIT: OUTCOME_UNKNOWN, and the list settles it", async () => {
      // Not the commit of a background job.
      database.cutAfter("commit", 'insert into "token_secret"');
      const lost = await port().call(createToken, { subject: `user:lost-${name}`, name: "lost" });
      expect(lost).toMatchObject({ ok: false, code: "UNAVAILABLE", reason: "OUTCOME_UNKNOWN" });
      database.heal();
      // PostgreSQL had committed it: the whole token is there.
      const settled = async () => {
        const reply = await port().call(listTokens, { subject: `user:lost-${name}` });
        return reply.ok ? reply.value.tokens.map(({ secrets }) => secrets.length) : reply.reason;
      };
      await expect.poll(settled, { timeout: 10_000, interval: 100 }).toEqual([1]);
    });

    it("RV-10 database half-open: UNAVAILABLE, the query is given up, the next one connects again", async () => {
      expect(await outcome(name)).toBe(Reason.ALLOWED);
      database.stall();
      expect(await outcome(name)).toBe("DATABASE_UNAVAILABLE");
    });
  });

  describe("a wrong set-up", () => {
    const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    const misconfigured = async (over: Partial<{ apiKey: string; storeId: string; modelId: string }>) => {
      const server = await patwarden.startReplica({ openfga: over });
      try {
        const [port] = server.ports;
        const reply = await port?.call(check, question());
        const response = await fetch(`${server.http}/readyz`);
        const revoked = await port?.call(getToken, { id: patwarden.alice.token.id });
        return { reply, status: response.status, body: await response.text(), revoked };
      } finally {
        await server.stop();
      }
    };

    it.each([
      ["a wrong key", { apiKey: "wrong" }, "openfga.auth.preshared: OpenFGA refuses the key"],
      ["an unknown store", { storeId: unknown }, "openfga.store_id: OpenFGA has no store of this id"],
      ["an unknown model", { modelId: unknown }, "openfga.model_id: the store has no model of this id"],
    ])("%s turns readiness off; no decision is made, and tokens can still be managed", async (_what, over, words) => {
      const { reply, status, body, revoked } = await misconfigured(over);
      expect(reply).toMatchObject({ ok: false, code: "INTERNAL", reason: "OPENFGA_MISCONFIGURED" });
      expect(status).toBe(503);
      expect(body).toContain(words);
      expect(revoked).toMatchObject({ ok: true });
    });

    it("a store that is deleted under way turns readiness off once a call notices", async () => {
      const storeId = await patwarden.openfga.admin.createStore("to be deleted");
      const modelId = await patwarden.openfga.admin.writeModel(
        storeId,
        "model\n  schema 1.1\ntype user\ntype document\n  relations\n    define viewer: [user]\n",
      );
      await patwarden.openfga.admin.deleteStore(storeId);
      const { status } = await misconfigured({ storeId, modelId });
      expect(status).toBe(503);
    });

    it("a model that lacks the relation refuses the question before any call", async () => {
      const storeId = await patwarden.openfga.admin.createStore("lacking");
      const modelId = await patwarden.openfga.admin.writeModel(
        storeId,
        "model\n  schema 1.1\ntype user\ntype organization\ntype document\n  relations\n    define reader: [user]\n",
      );
      const { reply, status, body } = await misconfigured({ storeId, modelId });
      expect(reply).toMatchObject({ ok: false, code: "INVALID_ARGUMENT", reason: "UNKNOWN_ACTION" });
      expect(status).toBe(200);
      // Otherwise organizations would silently get NOT_PERMITTED forever.
      expect(JSON.parse(body)).toMatchObject({
        checks: { model_organization: { ok: false }, model_user: { ok: true } },
      });
    });

    it("a condition that needs context fails the question, naming the parameter", async () => {
      const storeId = await patwarden.openfga.admin.createStore("conditional");
      const modelId = await patwarden.openfga.admin.writeModel(
        storeId,
        `model
  schema 1.1
type user
type organization
type document
  relations
    define viewer: [user with late, organization]
condition late(current_time: timestamp, start: timestamp) {
  current_time > start
}
`,
      );
      await patwarden.openfga.admin.writeTuples(storeId, [
        {
          user: "user:alice",
          relation: "viewer",
          object: "document:roadmap",
          condition: { name: "late", context: { start: "2020-01-01T00:00:00Z" } },
        },
      ]);
      const { reply } = await misconfigured({ storeId, modelId });
      expect(reply).toMatchObject({
        ok: false,
        code: "FAILED_PRECONDITION",
        reason: "MODEL_CONTEXT_REQUIRED",
        metadata: { parameter: "current_time" },
      });
    });

    it("a wrong pepper under a known version refuses to start", async () => {
      const key = Buffer.alloc(32, 9).toString("base64");
      await expect(
        patwarden.startReplica({ config: { tokens: { peppers: [{ version: 1, key, active: true }] } } }),
      ).rejects.toThrow(/PEPPER_MISMATCH: the key of pepper version 1/);
      await expect(
        patwarden.startReplica({ config: { tokens: { peppers: [{ version: 2, key, active: true }] } } }),
      ).rejects.toThrow(/PEPPER_MISMATCH: \d+ live secrets need pepper version 1/);
    });

    it("RV-5 a revocation survives a restart", async () => {
      const { token, secret } = await patwarden.createToken();
      await patwarden.port.call(revokeToken, { id: token.id });
      const restarted = await patwarden.startReplica();
      expect(await restarted.port("gRPC").call(check, { ...question(), token: secret })).toMatchObject({
        ok: true,
        value: { reason: Reason.TOKEN_REVOKED },
      });
      await restarted.stop();
    });
  });
});
