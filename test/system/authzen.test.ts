import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { FaultProxy } from "../kit/proxy.js";
import { hashOf, newKey } from "../kit/server.js";

const identifier = "https://pdp.example.com";
const one = "/access/v1/evaluation";
const many = "/access/v1/evaluations";
const routes = [{ method: "GET", path: "/docs/{id}", resource: "document:{id}", action: "viewer" }];

describe("the AuthZEN integration", () => {
  const directKey = newKey();
  let patwarden: Patwarden;
  let openfga: FaultProxy;
  beforeAll(async () => {
    patwarden = await startPatwarden({
      callers: [{ name: "pep", key_sha256: [hashOf(directKey)], permissions: ["check", "check.direct"] }],
      config: { integrations: { routes, authzen: { enabled: true, identifier } } },
    });
    openfga = patwarden.faults.openfga;
    // The data of the certification scenario, as far as a subject without a token may have it: alice reads and writes
    // record-1, bob reads it.
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
      { user: "user:alice", relation: "editor", object: "document:record-1" },
      { user: "user:bob", relation: "viewer", object: "document:record-1" },
    ]);
  });
  afterAll(async () => {
    await patwarden.stop();
  });

  const post = async (path: string, body: unknown, { key = directKey, headers = {}, raw = false } = {}) => {
    const response = await fetch(`${patwarden.server.http}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...headers },
      body: raw ? String(body) : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: response.ok ? JSON.parse(text) : text };
  };
  const token = () => ({ type: "access_token", id: patwarden.alice.secret });
  const document = (id: string) => ({ type: "document", id });
  const asked = (id = "roadmap", name = "viewer") => ({ subject: token(), action: { name }, resource: document(id) });

  it("AZ-1 Basic Core: answers for direct subjects, to a caller that may ask about them", async () => {
    const table: readonly [string, string, boolean][] = [
      ["alice", "viewer", true],
      ["alice", "editor", true],
      ["bob", "viewer", true],
      ["bob", "editor", false],
    ];
    for (const [id, name, decision] of table) {
      const question = { subject: { type: "user", id }, action: { name }, resource: document("record-1") };
      expect(await post(one, question)).toMatchObject({ status: 200, body: { decision } });
      expect((await post(one, question, { key: patwarden.server.keys.checker })).body).toEqual({ decision: false });
    }
  });

  it("AZ-1 Batch Core: answers in order, items replace what the request says", async () => {
    const bob = { type: "user", id: "bob" };
    const request = {
      subject: { type: "user", id: "alice" },
      action: { name: "editor" },
      resource: document("record-1"),
      evaluations: [
        {},
        { subject: bob },
        { action: { name: "viewer" }, subject: bob },
        { resource: document("record-2") },
      ],
    };
    const decisions = [true, false, true, false];
    const { body } = await post(many, request);
    expect(body).toEqual({ evaluations: decisions.map((decision) => ({ decision })) });
    // AZ-4: questions in reverse order have answers in reverse order.
    const reversed = await post(many, { ...request, evaluations: request.evaluations.toReversed() });
    expect(reversed.body.evaluations).toEqual(body.evaluations.toReversed());
    for (const evaluations of [undefined, []])
      expect((await post(many, { ...request, evaluations })).body).toEqual({ decision: true });
  });

  it("AZ-1 Discovery: returns its endpoints", async () => {
    const found = await fetch(`${patwarden.server.http}/.well-known/authzen-configuration`);
    expect(await found.json()).toEqual({
      policy_decision_point: identifier,
      access_evaluation_endpoint: `${identifier}${one}`,
      access_evaluations_endpoint: `${identifier}${many}`,
    });
  });

  it("accepts a token as the subject, and answers no for one that is not usable", async () => {
    expect((await post(one, asked())).body).toEqual({ decision: true });
    expect((await post(one, asked("payroll"))).body).toEqual({ decision: false });
    for (const id of ["", "garbage", `${patwarden.alice.secret}x`])
      expect((await post(one, { ...asked(), subject: { type: "access_token", id } })).body).toEqual({
        decision: false,
      });
  });

  it("AZ-1 ignores unknown fields, and returns the request id, also with an error", async () => {
    const headers = { "x-request-id": "bfe9eb29-ab87-4ca3-be83-a1d5d8305716" };
    const extra = {
      ...asked(),
      unknown: [],
      subject: { ...token(), properties: { department: "sales" }, more: 1 },
      context: { time: "now" },
    };
    const good = await post(one, extra, { headers });
    expect(good.body).toEqual({ decision: true });
    const bad = await post(one, {}, { headers });
    expect(bad.status).toBe(400);
    for (const reply of [good, bad]) expect(reply.headers.get("x-request-id")).toBe(headers["x-request-id"]);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["an array", []],
    ["no subject", { action: { name: "viewer" }, resource: document("roadmap") }],
    ["no action", { subject: { type: "user", id: "alice" }, resource: document("roadmap") }],
    ["no resource", { subject: { type: "user", id: "alice" }, action: { name: "viewer" } }],
    [
      "a subject without id",
      { ...{ action: { name: "viewer" }, resource: document("roadmap") }, subject: { type: "user" } },
    ],
    [
      "an id that is a number",
      { action: { name: "viewer" }, resource: { type: "document", id: 1 }, subject: { type: "user", id: "alice" } },
    ],
    [
      "an action that is a string",
      { action: "viewer", resource: document("roadmap"), subject: { type: "user", id: "alice" } },
    ],
    [
      "properties that are a list",
      {
        action: { name: "viewer" },
        resource: { ...document("roadmap"), properties: [] },
        subject: { type: "user", id: "alice" },
      },
    ],
    [
      "context that is a string",
      {
        action: { name: "viewer" },
        resource: document("roadmap"),
        subject: { type: "user", id: "alice" },
        context: "x",
      },
    ],
  ])("AZ-1 answers 400 to %s, with a text", async (_, body) => {
    const reply = await post(one, body);
    expect(reply.status).toBe(400);
    expect(reply.body).toMatch(/^[a-z]/);
  });

  it.each<[string, string, Record<string, string>]>([
    ["no JSON", "{", {}],
    [
      "a key twice",
      '{"subject":{"type":"user","id":"bob","id":"alice"},"action":{"name":"viewer"},"resource":{"type":"document","id":"record-1"}}',
      {},
    ],
    ["another content type", "{}", { "content-type": "text/plain" }],
  ])("AZ-1 answers 400 to %s", async (_, body, headers) => {
    expect((await post(one, body, { raw: true, headers })).status).toBe(400);
  });

  it("AZ-4 answers no to a bad item only, and refuses a bad request as a whole", async () => {
    const { subject, action, resource } = asked();
    const batch = { subject, action, evaluations: [{ resource }, { resource: { type: "document" } }, 7, { resource }] };
    expect((await post(many, batch)).body).toEqual({
      evaluations: [{ decision: true }, { decision: false }, { decision: false }, { decision: true }],
    });
    for (const over of [
      { evaluations: {} },
      { options: { evaluations_semantic: "maybe" } },
      { evaluations: new Array(101).fill({ resource }) },
    ]) {
      expect((await post(many, { ...batch, ...over })).status, JSON.stringify(over).slice(0, 60)).toBe(400);
    }
  });

  it("AZ-4 stops at the item that decides", async () => {
    const evaluations = ["roadmap", "payroll", "roadmap"].map((id) => ({ resource: document(id) }));
    const ask = async (semantic: string) => {
      const { body } = await post(many, { ...asked(), evaluations, options: { evaluations_semantic: semantic } });
      return body.evaluations.map(({ decision }: { decision: boolean }) => decision);
    };
    expect(await ask("execute_all")).toEqual([true, false, true]);
    expect(await ask("deny_on_first_deny")).toEqual([true, false]);
    expect(await ask("permit_on_first_permit")).toEqual([true]);
  });

  it("AZ-2 answers a gateway's question by method and path", async () => {
    const route = (id: string, name: string, properties?: object) => ({
      subject: { type: "identity", id: patwarden.alice.secret },
      action: { name },
      resource: { type: "route", id, ...(properties && { properties }) },
    });
    expect((await post(one, route("/docs/{id}", "GET", { path: "/docs/roadmap" }))).body).toEqual({ decision: true });
    expect((await post(one, route("/docs/{id}", "GET", { path: "/docs/payroll" }))).body).toEqual({ decision: false });
    expect((await post(one, route("/docs/roadmap", "GET"))).body).toEqual({ decision: true });
    expect((await post(one, route("/docs/{id}", "GET"))).body).toEqual({ decision: false });
    expect((await post(one, route("/docs/roadmap", "DELETE"))).body).toEqual({ decision: false });
  });

  it("AZ-3 answers no for names that are not in the model, and 503 when OpenFGA cannot be asked", async () => {
    const odd = [
      { ...asked(), resource: { type: "nowhere", id: "1" } },
      asked("roadmap", "owner-of-all"),
      asked("a b"),
      asked("roadmap#viewer"),
      { ...asked(), subject: { type: "user", id: "*" } },
      { ...asked(), subject: { type: "robot", id: "1" } },
    ];
    for (const question of odd)
      expect(await post(one, question)).toMatchObject({ status: 200, body: { decision: false } });
    openfga.cut();
    const direct = { ...asked("record-1"), subject: { type: "user", id: "alice" } };
    for (const question of [asked(), direct]) {
      const reply = await post(one, question);
      expect([reply.status, reply.headers.get("retry-after")]).toEqual([503, "1"]);
    }
    expect((await post(many, { ...asked(), evaluations: [{}, { resource: document("payroll") }] })).status).toBe(503);
    openfga.heal();
    await expect.poll(async () => (await post(one, asked())).status, { timeout: 20_000 }).toBe(200);
  });

  it("answers 401 with a challenge to an unknown caller, and 403 to one without the permission", async () => {
    const stranger = await post(one, asked(), { key: newKey() });
    expect([stranger.status, stranger.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="patwarden"']);
    expect((await post(one, asked(), { key: patwarden.alice.secret })).status).toBe(401);
    expect((await post(one, asked(), { key: patwarden.server.keys.narrow })).status).toBe(403);
  });

  it("AZ-5 shows a token to no log and no metric", async () => {
    for (const text of [patwarden.server.log(), await patwarden.metrics()])
      expect(text).not.toContain(patwarden.alice.secret.slice(8, 40));
  });
});
