import { randomUUID } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { beforeEach, describe, expect, it } from "vitest";
import { durationFromMs, type PatwardenClient, parseSecret } from "../src/index.js";
import {
  CreateTokenRequestSchema,
  Dimension,
  Reason,
  RotateTokenRequestSchema,
  Subject_State,
  Token_State,
} from "../src/v1.js";
import { all } from "./kit/all.js";
import { keyOf, openClient, present } from "./kit/environment.js";
import { failureOf } from "./kit/failure.js";
import { startRelay, unavailable } from "./kit/relay.js";

const relay = await startRelay();
const admin = openClient({ key: keyOf("admin") });
/** A subject of this run of this file. */
const subject = `user:typescript-${process.pid}-${Date.now()}`;
const grant = { rules: [{ actions: ["viewer"], resources: ["document:*"] }] };

describe("the life of a token", () => {
  it("goes through the services", async () => {
    const lifetime = { case: "ttl" as const, value: durationFromMs(3_600_000) };
    const { token, secret } = await admin.tokens.createToken({ subject, name: "laptop", grant, lifetime });
    const { id } = present(token, "token");
    expect(parseSecret(secret)?.kind).toBe("pat");
    expect(await admin.check(secret, "document:nowhere", "viewer")).toMatchObject({
      reason: "NOT_PERMITTED",
      tokenId: id,
    });

    const rotated = await admin.tokens.rotateToken({ id });
    expect(rotated.secret).not.toBe(secret);
    expect(await admin.check(secret, "document:nowhere", "viewer")).toMatchObject({ reason: "TOKEN_SUPERSEDED" });

    await admin.tokens.suspendToken({ id });
    expect(await admin.check(rotated.secret, "document:nowhere", "viewer")).toMatchObject({
      reason: "TOKEN_SUSPENDED",
    });
    await admin.tokens.resumeToken({ id });
    const { token: revoked } = await admin.tokens.revokeToken({ id });
    expect(revoked?.state).toBe(Token_State.REVOKED);
    expect(await admin.check(rotated.secret, "document:nowhere", "viewer")).toMatchObject({ reason: "TOKEN_REVOKED" });
  });

  it("is told by the other services", async () => {
    const { subject: found } = await admin.subjects.getSubject({ subject });
    expect(found?.state).toBe(Subject_State.ACTIVE);
    const { policy } = await admin.policies.getPolicy({ scope: "organization:umbrella" });
    expect(policy?.requireApproval).toBe(true);
    const events = await all(admin.listAuditEvents({ subject }));
    expect(events.map(({ action }) => action)).toEqual(
      expect.arrayContaining(["token.created", "token.rotated", "token.suspended", "token.resumed", "token.revoked"]),
    );
    const usage = async () => {
      const rows = await all(admin.queryUsage({ subject, groupBy: [Dimension.REASON], pageSize: 1 }));
      return rows.map(({ reason }) => Reason[reason]).toSorted();
    };
    // Written every few seconds.
    await expect
      .poll(usage, { timeout: 25_000, interval: 250 })
      .toEqual(["NOT_PERMITTED", "TOKEN_REVOKED", "TOKEN_SUPERSEDED", "TOKEN_SUSPENDED"]);
  });
});

describe("lists", () => {
  const many = `user:typescript-many-${process.pid}-${Date.now()}`;

  it("are iterated over all of their pages, by the filters of the first", async () => {
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) await admin.tokens.createToken({ subject: many, name });
    const listed: string[] = [];
    for await (const { name } of admin.listTokens({ subject: many, pageSize: 2 })) listed.push(name);
    expect(listed).toEqual(names.toReversed());
    const { tokens } = await admin.tokens.listTokens({ subject: many, pageSize: 2 });
    expect(tokens).toHaveLength(2);
  });

  it("are asked for no further than they are iterated", async () => {
    const client = openClient({ endpoint: relay.endpoint, key: keyOf("admin") });
    relay.forget();
    for await (const { name } of client.listTokens({ subject: many, pageSize: 2 })) if (name === "d") break;
    expect(relay.calls).toEqual(["ListTokens"]);
  });

  it("of usage and of events go over pages as well", async () => {
    const events = await all(admin.listAuditEvents({ subject: many, pageSize: 2 }));
    expect(events).toHaveLength(5);
    expect(new Set(events.map(({ id }) => id)).size).toBe(5);
  });

  it("throw PatwardenError where a page fails", async () => {
    expect(await failureOf(all(openClient().listTokens()))).toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

describe("what fails with UNAVAILABLE", () => {
  let client: PatwardenClient;
  beforeEach(() => {
    relay.forget();
    client = openClient({ endpoint: relay.endpoint, key: keyOf("admin"), coalesce: false });
  });

  const made = async (): Promise<string> => {
    const { token } = await admin.tokens.createToken({ subject, name: "laptop" });
    return present(token, "token").id;
  };

  it.each<[string, (client: PatwardenClient) => Promise<unknown>]>([
    ["Check", (c) => c.check("pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA", "document:roadmap", "viewer")],
    ["Introspect", (c) => c.introspect("pw_pat_x")],
    ["GetToken", async (c) => c.tokens.getToken({ id: await made() })],
    ["ListTokens", (c) => c.tokens.listTokens({ subject })],
    ["RevokeToken", async (c) => c.tokens.revokeToken({ id: await made() })],
    ["RevokeTokens", (c) => c.tokens.revokeTokens({ target: { case: "subject", value: subject } })],
    ["CreateToken", (c) => c.tokens.createToken({ subject, name: "laptop" })],
    ["RotateToken", async (c) => c.tokens.rotateToken({ id: await made() })],
  ])("is attempted again where it is safe: %s", async (method, call) => {
    relay.interfere = unavailable(2);
    await call(client);
    expect(relay.calls).toEqual([method, method, method]);
  });

  it.each<[string, (client: PatwardenClient, id: string) => Promise<unknown>]>([
    [
      "UpdateToken",
      (c, id) => c.tokens.updateToken({ token: { id, name: "desktop" }, updateMask: { paths: ["name"] } }),
    ],
    ["SuspendToken", (c, id) => c.tokens.suspendToken({ id })],
    ["ResumeToken", (c, id) => c.tokens.resumeToken({ id })],
    ["ApproveToken", (c, id) => c.tokens.approveToken({ id, etag: "x" })],
    ["DenyToken", (c, id) => c.tokens.denyToken({ id })],
  ])("is not attempted again where it is not: %s", async (method, call) => {
    const id = await made();
    relay.interfere = unavailable(1);
    expect(await failureOf(call(client, id))).toMatchObject({ code: "UNAVAILABLE" });
    expect(relay.calls).toEqual([method]);
  });

  it.each([
    [
      "CreateToken",
      CreateTokenRequestSchema,
      (c: PatwardenClient) => c.tokens.createToken({ subject, name: "laptop" }),
    ],
    ["RotateToken", RotateTokenRequestSchema, async (c: PatwardenClient) => c.tokens.rotateToken({ id: await made() })],
  ])("is the same request when it is attempted again, and no other one is: %s", async (_, schema, call) => {
    const requestIds: string[] = [];
    for (const __ of [1, 2]) {
      relay.forget();
      relay.interfere = unavailable(1);
      await call(client);
      const ids = new Set(relay.seen.map(({ bytes }) => fromBinary(schema, bytes).requestId));
      expect([...ids]).toEqual([
        expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      ]);
      requestIds.push(...ids);
    }
    expect(new Set(requestIds).size).toBe(2);
  });

  it("made one token, though the answer to the first attempt was lost", async () => {
    let lost = false;
    relay.interfere = (one, respond) => {
      if (lost) return undefined;
      lost = true;
      void admin.tokens
        .createToken(fromBinary(CreateTokenRequestSchema, one.bytes))
        .finally(() => respond({ code: status.UNAVAILABLE, details: "lost" }));
      return "taken";
    };
    const owner = `${subject}-once`;
    const { token, secret } = await client.tokens.createToken({ subject: owner, name: "laptop" });
    expect(secret).not.toBe("");
    const { tokens } = await admin.tokens.listTokens({ subject: owner });
    expect(tokens.map(({ id }) => id)).toEqual([token?.id]);
  });

  it("keeps a request_id that the caller has chosen, and does not touch the caller's message", async () => {
    relay.interfere = undefined;
    const requestId = randomUUID();
    await client.tokens.createToken({ subject, name: "laptop", requestId });
    expect(relay.seen.map(({ bytes }) => fromBinary(CreateTokenRequestSchema, bytes).requestId)).toEqual([requestId]);
    const request = fromBinary(CreateTokenRequestSchema, relay.seen[0]?.bytes ?? new Uint8Array());
    request.requestId = "";
    const first = await client.tokens.createToken(request);
    const second = await client.tokens.createToken(request);
    expect(request.requestId).toBe("");
    expect(first.token?.id).not.toBe(second.token?.id);
  });

  it("is told after four attempts", async () => {
    relay.interfere = unavailable(100);
    expect(await failureOf(client.tokens.listTokens({}))).toMatchObject({ code: "UNAVAILABLE" });
    expect(relay.calls).toHaveLength(4);
  });

  it("is attempted no longer than the deadline", async () => {
    relay.interfere = unavailable(100);
    expect(await failureOf(client.tokens.listTokens({}, { timeoutMs: 120 }))).toMatchObject({
      code: expect.stringMatching(/^(UNAVAILABLE|DEADLINE_EXCEEDED)$/),
    });
    expect(relay.calls.length).toBeLessThan(4);
  });

  it("is attempted no longer than the signal", async () => {
    relay.interfere = unavailable(100);
    const leaving = new AbortController();
    const listing = failureOf(client.tokens.listTokens({}, { signal: leaving.signal }));
    await expect.poll(() => relay.calls.length, { interval: 5 }).toBeGreaterThan(0);
    leaving.abort();
    expect(await listing).toMatchObject({ code: "CANCELLED" });
  });

  it("is no longer attempted again when it never helps, until it does", async () => {
    relay.interfere = unavailable(1_000);
    for (const _ of [1, 2, 3]) await failureOf(client.tokens.listTokens({}));
    relay.forget();
    await failureOf(client.tokens.listTokens({}));
    expect(relay.calls).toHaveLength(1);
    relay.interfere = undefined;
    for (const _ of Array(120)) await client.introspect("pw_pat_x");
    relay.forget();
    relay.interfere = unavailable(1);
    await client.tokens.listTokens({});
    expect(relay.calls).toHaveLength(2);
  });

  it("is nothing else: other codes are told at once", async () => {
    for (const code of [status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED, status.INTERNAL, status.ABORTED]) {
      relay.forget();
      relay.interfere = (_, respond) => {
        respond({ code, details: "no" });
        return "taken";
      };
      expect(await failureOf(client.tokens.listTokens({}))).toMatchObject({ code: status[code] });
      expect(relay.calls).toHaveLength(1);
    }
  });
});
