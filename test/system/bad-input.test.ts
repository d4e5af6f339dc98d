import { create, type DescMessage, type DescMethodUnary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService, CheckRequestSchema, type Consistency } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type RevocationReason, type Token_State, type TokenKind, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { encodeSecret } from "../../src/domain/secret.js";
import { type Patwarden, portNames, startPatwarden } from "../kit/patwarden.js";
import { type Port, postJson } from "../kit/ports.js";

const { check, batchCheck, introspect } = AuthorizationService.method;
const { createToken, getToken, getTokenSummary, listTokens, revokeToken, updateToken } = TokenService.method;

let patwarden: Patwarden;
beforeAll(async () => {
  patwarden = await startPatwarden();
});
afterAll(() => patwarden.stop());

type Invalid = readonly [what: string, reason: string, field: string];

/** Checks that a valid next call still works. */
async function stillWorks(port: Port): Promise<void> {
  const reply = await port.call(check, {
    token: patwarden.alice.secret,
    resource: "document:roadmap",
    action: "viewer",
  });
  expect(reply).toMatchObject({ ok: true, value: { allowed: true, reason: Reason.ALLOWED } });
}

async function expectRefused<I extends DescMessage, O extends DescMessage>(
  port: Port,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  [, reason, field]: Invalid,
): Promise<void> {
  const before = await patwarden.countTokens();
  const reply = await port.call(method, request);
  expect(reply).toMatchObject({ ok: false, code: "INVALID_ARGUMENT", reason });
  if (!reply.ok) {
    expect(reply.fields).toContain(field);
    // An error that repeats input would put secrets and control characters into other systems' logs.
    expect(JSON.stringify(reply)).not.toContain("ECHO");
  }
  expect(await patwarden.countTokens()).toBe(before);
  await stillWorks(port);
}

const checkCases: readonly [...Invalid, MessageInitShape<typeof CheckRequestSchema>][] = [
  ["no token", "INVALID_FIELD", "token", { token: "" }],
  ["an empty resource", "INVALID_FIELD", "resource", { resource: "" }],
  ["a resource without an id", "INVALID_FIELD", "resource", { resource: "document" }],
  ["a resource with an empty id", "INVALID_FIELD", "resource", { resource: "document:" }],
  ["a resource with an empty type", "INVALID_FIELD", "resource", { resource: ":1" }],
  ["a resource with two colons", "INVALID_FIELD", "resource", { resource: "document:ECHO:b" }],
  ["a wildcard resource", "INVALID_FIELD", "resource", { resource: "document:*" }],
  ["a userset as resource", "INVALID_FIELD", "resource", { resource: "document:a#viewer" }],
  ["a resource with NUL", "INVALID_FIELD", "resource", { resource: "document:a\0ECHO" }],
  ["a resource with a blank", "INVALID_FIELD", "resource", { resource: "document:a b" }],
  ["a resource with a bidirectional override", "INVALID_FIELD", "resource", { resource: "document:\u202eECHO" }],
  ["a resource with U+FFFD", "INVALID_FIELD", "resource", { resource: "document:\ufffd" }],
  ["a resource of 201 characters", "INVALID_FIELD", "resource", { resource: `document:${"a".repeat(201)}` }],
  ["an empty action", "INVALID_FIELD", "action", { action: "" }],
  ["an action of 51 characters", "INVALID_FIELD", "action", { action: "a".repeat(51) }],
  ["an action with a newline", "INVALID_FIELD", "action", { action: "viewer\n" }],
  ["an unknown type", "UNKNOWN_TYPE", "resource", { resource: "invoice:1" }],
  ["a type in another case", "UNKNOWN_TYPE", "resource", { resource: "Document:1" }],
  ["an unknown action", "UNKNOWN_ACTION", "action", { action: "publish" }],
  ["an action of another type", "UNKNOWN_ACTION", "action", { action: "member" }],
  ["a client_ip that is none", "INVALID_FIELD", "context.client_ip", { context: { clientIp: "ECHO" } }],
  ["a client_ip with a port", "INVALID_FIELD", "context.client_ip", { context: { clientIp: "192.0.2.1:80" } }],
  ["an unknown consistency", "INVALID_FIELD", "consistency", { consistency: 99 as Consistency }],
  ["33 claims", "INVALID_FIELD", "claims", { claims: Array.from({ length: 33 }, (_, index) => `c${index}`) }],
];

const tooMany = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`key${index}`, "value"]));
const rules = [{ actions: ["viewer"], resources: ["document:*"] }];
const createCases: readonly [...Invalid, MessageInitShape<typeof createToken.input>][] = [
  ["no subject", "INVALID_FIELD", "subject", { subject: "" }],
  ["a wildcard subject", "INVALID_FIELD", "subject", { subject: "user:*" }],
  ["a userset as subject", "INVALID_FIELD", "subject", { subject: "user:a#member" }],
  ["a kind of subject that there is not", "INVALID_FIELD", "subject", { subject: "group:x" }],
  ["a name of 101 characters", "INVALID_FIELD", "name", { name: "n".repeat(101) }],
  ["a name with a control character", "INVALID_FIELD", "name", { name: "ECHO\u0007" }],
  ["a name with a zero-width character", "INVALID_FIELD", "name", { name: "a\u200bb" }],
  ["a description of 501 characters", "INVALID_FIELD", "description", { description: "d".repeat(501) }],
  ["ttl 0", "INVALID_FIELD", "ttl", { lifetime: { case: "ttl", value: { seconds: 0n } } }],
  ["a negative ttl", "INVALID_FIELD", "ttl", { lifetime: { case: "ttl", value: { seconds: -1n } } }],
  [
    "a ttl of 10,000 years",
    "INVALID_FIELD",
    "ttl",
    { lifetime: { case: "ttl", value: { seconds: 315_360_000_000n } } },
  ],
  ["never_expires false", "INVALID_FIELD", "never_expires", { lifetime: { case: "neverExpires", value: false } }],
  [
    "an expire_time in the past",
    "INVALID_FIELD",
    "expire_time",
    { lifetime: { case: "expireTime", value: { seconds: 1_000_000_000n } } },
  ],
  [
    "a not_before after the end",
    "INVALID_FIELD",
    "not_before",
    {
      lifetime: { case: "ttl", value: { seconds: 60n } },
      notBefore: { seconds: BigInt(Math.floor(Date.now() / 1000)) + 86_400n },
    },
  ],
  ["a CIDR that is none", "INVALID_FIELD", "allowed_cidrs[1]", { allowedCidrs: ["192.0.2.0/24", "ECHO"] }],
  ["a CIDR with host bits", "INVALID_FIELD", "allowed_cidrs[0]", { allowedCidrs: ["192.0.2.1/24"] }],
  [
    "33 CIDRs",
    "INVALID_FIELD",
    "allowed_cidrs",
    { allowedCidrs: Array.from({ length: 33 }, (_, i) => `10.0.${i}.0/24`) },
  ],
  ["33 metadata keys", "INVALID_FIELD", "metadata", { metadata: tooMany }],
  ["33 claims", "INVALID_FIELD", "claims", { claims: tooMany }],
  ["a metadata value of 513 characters", "INVALID_FIELD", "metadata", { metadata: { key: "v".repeat(513) } }],
  [
    "metadata over 4 KiB",
    "INVALID_FIELD",
    "metadata",
    { metadata: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${i}`, "v".repeat(512)])) },
  ],
  ["a grant that is full and has rules", "INVALID_FIELD", "grant.rules", { grant: { full: true, rules } }],
  ["a rule without actions", "INVALID_FIELD", "grant.rules[0].actions", { grant: { rules: [{ resources: ["*"] }] } }],
  [
    "a rule of everything",
    "INVALID_FIELD",
    "grant.rules[0]",
    { grant: { rules: [{ actions: ["*"], resources: ["*"] }] } },
  ],
  [
    "51 rules",
    "INVALID_FIELD",
    "grant.rules",
    { grant: { rules: Array.from({ length: 51 }, () => ({ actions: ["viewer"], resources: ["document:*"] })) } },
  ],
  [
    "a grant with an unknown action",
    "UNKNOWN_ACTION",
    "grant.rules[0].actions[1]",
    { grant: { rules: [{ actions: ["viewer", "publish"], resources: ["document:*"] }] } },
  ],
  [
    "a grant with an unknown type",
    "UNKNOWN_TYPE",
    "grant.rules[0].resources[0]",
    { grant: { rules: [{ actions: ["viewer"], resources: ["invoice:*"] }] } },
  ],
];

describe.each(portNames)("bad input over %s", (name) => {
  it.each(checkCases)("Check refuses %s", async (...[what, reason, field, request]) => {
    const good = { token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" };
    await expectRefused(patwarden.server.port(name), check, { ...good, ...request }, [what, reason, field]);
  });

  it.each(createCases)("CreateToken refuses %s", async (...[what, reason, field, request]) => {
    const good = { subject: "user:alice", name: "ci", grant: { rules } };
    // Every entry of the table is an init shape, and so is the valid request under it.
    const laid = { ...good, ...request } as MessageInitShape<typeof createToken.input>;
    await expectRefused(patwarden.server.port(name), createToken, laid, [what, reason, field]);
  });

  it.each([
    ["no name", ""],
    ["a blank", " "],
    ["a name of other blanks", "\u00a0\u3000\u2003"],
    ["a tab", "\t"],
    ["a name that nobody sees", "\u3164"],
  ])("LI-10 refuses %s, for a new token and for an old one", async (what, blank) => {
    const port = patwarden.server.port(name);
    const { id } = patwarden.alice.token;
    await expectRefused(port, createToken, { subject: "user:alice", name: blank }, [what, "INVALID_FIELD", "name"]);
    const renamed = { token: { id, name: blank }, updateMask: { paths: ["name"] } };
    await expectRefused(port, updateToken, renamed, [what, "INVALID_FIELD", "token.name"]);
    expect(await port.call(getToken, { id })).toMatchObject({ ok: true, value: { token: { name: "laptop" } } });
  });

  it.each([
    ["admin", "document:*", "UNKNOWN_ACTION", "grant.rules[0].actions[1]"],
    ["delete", "document:*", "UNKNOWN_ACTION", "grant.rules[0].actions[1]"],
    ["totally-bogus", "document:*", "UNKNOWN_ACTION", "grant.rules[0].actions[1]"],
    ["totally-bogus", "*", "UNKNOWN_ACTION", "grant.rules[0].actions[1]"],
    ["Viewer", "document:*", "UNKNOWN_ACTION", "grant.rules[0].actions[1]"],
    ["delete:x", "document:*", "INVALID_FIELD", "grant.rules[0].actions[1]"],
    ["document#viewer", "document:*", "INVALID_FIELD", "grant.rules[0].actions[1]"],
    ["*", "document:*", "INVALID_FIELD", "grant.rules[0].actions"],
    ["*", "*", "INVALID_FIELD", "grant.rules[0].actions"],
  ])("SC-4 refuses a grant of viewer and %s on %s, of a new token and of an old one", async (...given) => {
    const [action, resource, reason, field] = given;
    const port = patwarden.server.port(name);
    const { id } = patwarden.alice.token;
    const grant = { rules: [{ actions: ["viewer", action], resources: [resource] }] };
    await expectRefused(port, createToken, { subject: "user:alice", name: "n", grant }, [action, reason, field]);
    const widened = { token: { id, grant }, updateMask: { paths: ["grant"] } };
    const reply = await port.call(updateToken, widened);
    expect(reply).toMatchObject({ ok: false, code: "INVALID_ARGUMENT", reason });
    expect(reply.ok || reply.fields.join()).toContain(field);
    expect(await port.call(getToken, { id })).toMatchObject({ ok: true, value: { token: { grant: { full: true } } } });
  });

  it("BatchCheck refuses an empty and an over-long list as a whole", async () => {
    const invalid: Invalid = ["length", "INVALID_FIELD", "items"];
    await expectRefused(patwarden.server.port(name), batchCheck, { token: patwarden.alice.secret, items: [] }, invalid);
    const item = { resource: "document:1", action: "viewer" };
    await expectRefused(
      patwarden.server.port(name),
      batchCheck,
      { token: patwarden.alice.secret, items: Array(501).fill(item) },
      invalid,
    );
  });

  it("ListTokens refuses a negative page_size, an unknown state, and foreign or edited page tokens", async () => {
    const port = patwarden.server.port(name);
    await expectRefused(port, listTokens, { pageSize: -1 }, ["", "INVALID_FIELD", "page_size"]);
    await expectRefused(port, listTokens, { pageSize: 1001 }, ["", "INVALID_FIELD", "page_size"]);
    await expectRefused(port, listTokens, { states: [99 as Token_State] }, ["", "INVALID_FIELD", "states[0]"]);
    await expectRefused(port, listTokens, { states: [0] }, ["", "INVALID_FIELD", "states[0]"]);
    for (const orderBy of ["id", "name asc", "name desc desc", "Name", "name,id", "create_time  DESC", " ", "desc"]) {
      await expectRefused(port, listTokens, { orderBy }, ["", "INVALID_FIELD", "order_by"]);
    }
    await expectRefused(port, listTokens, { kind: 99 as TokenKind }, ["", "INVALID_FIELD", "kind"]);
    const reasons = [0 as RevocationReason];
    await expectRefused(port, listTokens, { revocationReasons: reasons }, [
      "",
      "INVALID_FIELD",
      "revocation_reasons[0]",
    ]);
    for (const query of ["a".repeat(101), "a\u0000b", "\u202e", patwarden.alice.secret]) {
      await expectRefused(port, listTokens, { query }, ["", "INVALID_FIELD", "query"]);
      await expectRefused(port, getTokenSummary, { filter: { query } }, ["", "INVALID_FIELD", "filter.query"]);
    }
    const page = await port.call(listTokens, { pageSize: 1 });
    if (!page.ok) throw new Error(page.message);
    const { nextPageToken } = page.value;
    expect(nextPageToken).not.toBe("");
    const edited = (nextPageToken.startsWith("A") ? "B" : "A") + nextPageToken.slice(1);
    for (const pageToken of ["x", edited, `${nextPageToken}A`]) {
      await expectRefused(port, listTokens, { pageToken }, ["", "PAGE_TOKEN_INVALID", "page_token"]);
    }
    const otherFilter = { subject: "user:alice", pageToken: nextPageToken };
    await expectRefused(port, listTokens, otherFilter, ["", "PAGE_TOKEN_INVALID", "page_token"]);
    const otherOrder = { orderBy: "create_time", pageToken: nextPageToken };
    await expectRefused(port, listTokens, otherOrder, ["", "PAGE_TOKEN_INVALID", "page_token"]);
    const otherCaller = await port.call(
      listTokens,
      { pageToken: nextPageToken },
      { key: patwarden.server.keys.narrow },
    );
    expect(otherCaller).toMatchObject({ ok: false, reason: "PAGE_TOKEN_INVALID" });
  });

  it("RevokeToken and GetToken refuse ids that are none, and answer NOT_FOUND for one that does not exist", async () => {
    const port = patwarden.server.port(name);
    for (const id of ["", "tok_", "alice", "sec_01h455vb4pex5vsknk084sn02q", `tok_${"z".repeat(26)}`]) {
      await expectRefused(port, getToken, { id }, ["", "INVALID_FIELD", "id"]);
      await expectRefused(port, revokeToken, { id }, ["", "INVALID_FIELD", "id"]);
    }
    const missing = { id: "tok_01h455vb4pex5vsknk084sn02q" };
    for (const method of [getToken, revokeToken] as readonly DescMethodUnary<DescMessage, DescMessage>[]) {
      expect(await port.call(method, missing)).toMatchObject({ ok: false, code: "NOT_FOUND", reason: "NOT_FOUND" });
    }
    await expectRefused(port, revokeToken, { ...missing, reason: 3 as RevocationReason }, [
      "",
      "INVALID_FIELD",
      "reason",
    ]);
    await expectRefused(port, revokeToken, { ...missing, reason: 99 as RevocationReason }, [
      "",
      "INVALID_FIELD",
      "reason",
    ]);
  });

  it("refuses a secret with a wrong checksum or a wrong tag without reading the database", async () => {
    const port = patwarden.server.port(name);
    const lookups = async (): Promise<string | undefined> =>
      /^patwarden_token_lookups_total (\d+)$/m.exec(await patwarden.metrics())?.[1];
    const before = await lookups();
    const wrongChecksum = `${patwarden.alice.secret.slice(0, -1)}${patwarden.alice.secret.endsWith("0") ? "1" : "0"}`;
    const wrongTag = encodeSecret("pw", "pat", new Uint8Array(32).fill(7));
    const cases = [
      [wrongChecksum, Reason.TOKEN_MALFORMED],
      [`${patwarden.alice.secret}\n`, Reason.TOKEN_MALFORMED],
      ["x".repeat(10_000), Reason.TOKEN_MALFORMED],
      ["\ud7ff\0", Reason.TOKEN_MALFORMED],
      [wrongTag, Reason.TOKEN_UNKNOWN],
    ] as const;
    for (const [token, reason] of cases) {
      const reply = await port.call(check, { token, resource: "document:roadmap", action: "viewer" });
      expect(reply).toMatchObject({ ok: true, value: { allowed: false, tokenValid: false, reason, subject: "" } });
      expect(await port.call(introspect, { token })).toMatchObject({ ok: true, value: { active: false, reason } });
    }
    expect(before).toBeDefined();
    expect(await lookups()).toBe(before);
    await stillWorks(port);
  });

  it("refuses callers without a credential, with a bad one, and without the permission", async () => {
    const port = patwarden.server.port(name);
    const request = { token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" };
    const unknown = "pw_svc_unknown";
    for (const settings of [
      { key: null },
      { key: null, headers: { authorization: "Bearer" } },
      { key: unknown },
      { key: `${patwarden.server.keys.admin} x` },
      { key: null, headers: { authorization: patwarden.server.keys.admin } },
      { key: null, headers: { authorization: `Basic ${patwarden.server.keys.admin}` } },
      { key: null, headers: { authorization: `Bearer ${"k".repeat(5000)}` } },
    ]) {
      expect(await port.call(check, request, settings)).toMatchObject({
        ok: false,
        code: "UNAUTHENTICATED",
        reason: "CALLER_UNAUTHENTICATED",
      });
    }
    // The token is recognized, but has no permission here.
    expect(await port.call(check, request, { key: patwarden.alice.secret })).toMatchObject({
      ok: false,
      code: "PERMISSION_DENIED",
      reason: "CALLER_FORBIDDEN",
    });
    const { checker } = patwarden.server.keys;
    for (const [method, permission] of [
      [createToken, "tokens.impersonate"],
      [getToken, "tokens.read"],
      [listTokens, "tokens.read"],
      [revokeToken, "tokens.revoke"],
      [introspect, "introspect"],
    ] as const) {
      const reply = await port.call<DescMessage, DescMessage>(method, {}, { key: checker });
      expect(reply).toMatchObject({
        ok: false,
        code: "PERMISSION_DENIED",
        reason: "CALLER_FORBIDDEN",
        metadata: { permission },
      });
    }
    await stillWorks(port);
  });

  it("tells the first of thousands of violations, and how many more there are", async () => {
    const grant = {
      rules: Array.from({ length: 40 }, () => ({ actions: ["viewer"], resources: Array(50).fill("x") })),
    };
    const reply = await patwarden.server.port(name).call(createToken, { subject: "user:alice", name: "n", grant });
    expect(reply).toMatchObject({ ok: false, reason: "INVALID_FIELD" });
    if (!reply.ok) expect([reply.fields.length, reply.descriptions.at(-1)]).toEqual([21, "and 1980 more"]);
  });

  it("answers a request of 10 MiB with RESOURCE_EXHAUSTED and goes on", async () => {
    const port = patwarden.server.port(name);
    const reply = await port.call(check, {
      token: "x".repeat(10 * 1024 * 1024),
      resource: "document:1",
      action: "viewer",
    });
    expect(reply).toMatchObject({ ok: false, code: "RESOURCE_EXHAUSTED" });
    await stillWorks(port);
  });
});

describe("bad JSON over HTTP", () => {
  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    postJson(patwarden.server.http, createToken, body, {
      authorization: `Bearer ${patwarden.server.keys.admin}`,
      ...headers,
    });

  it.each([
    ["nothing", ""],
    [
      "a misspelt field, which would otherwise mint an unrestricted token",
      `{"subject":"user:alice","name":"n","allowedCidr":["10.0.0.0/8"]}`,
    ],
    ["a wrong type", `{"subject":1}`],
    ["a lone surrogate", `{"subject":"user:alice","name":"\\ud800"}`],
    [
      "invalid UTF-8",
      new Uint8Array([...Buffer.from(`{"subject":"user:alice","name":"`), 0xc3, 0x28, ...Buffer.from(`"}`)]),
    ],
    ["an unknown enum name", `{"subject":"user:alice","name":"n","state":"STATE_BOGUS"}`],
    ["never_expires false", `{"subject":"user:alice","name":"n","neverExpires":false}`],
  ])("refuses %s", async (_what, body) => {
    const before = await patwarden.countTokens();
    expect(await post(body)).toMatchObject({ ok: false, code: "INVALID_ARGUMENT" });
    expect(await patwarden.countTokens()).toBe(before);
    await stillWorks(patwarden.server.port("HTTP"));
  });

  it("never repeats what could not be decoded", async () => {
    const reply = await post(`{"subject":"user:alice","name":"n","ECHO_pw_pat_secret":1}`);
    expect(JSON.stringify(reply)).not.toContain("ECHO");
  });

  it("shows false and 0 in answers", async () => {
    const response = await fetch(`${patwarden.server.http}/${check.parent.typeName}/${check.name}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${patwarden.server.keys.admin}` },
      body: JSON.stringify({ token: "nonsense", resource: "document:1", action: "viewer" }),
    });
    expect(await response.json()).toMatchObject({
      allowed: false,
      tokenValid: false,
      reason: "REASON_TOKEN_MALFORMED",
    });
  });

  it("refuses a Check by GET, which would put the token into a URL", async () => {
    const response = await fetch(`${patwarden.server.http}/${check.parent.typeName}/${check.name}?message=%7B%7D`);
    expect(response.status).toBe(405);
  });
});

describe("bad bytes over gRPC", () => {
  it("answers invalid UTF-8 and truncated messages with INVALID_ARGUMENT", async () => {
    const good = toBinary(
      CheckRequestSchema,
      create(CheckRequestSchema, { token: "t", resource: "document:1", action: "viewer" }),
    );
    for (const bytes of [Buffer.from([0x0a, 2, 0xc3, 0x28]), Buffer.from(good.subarray(0, good.length - 2))]) {
      expect(await patwarden.rawGrpc(check, bytes)).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
    await stillWorks(patwarden.server.port("gRPC"));
  });
});
