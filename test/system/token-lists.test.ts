import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  RevocationReason,
  RevokedToken_Result,
  type Token,
  Token_State,
  TokenKind,
  TokenService,
} from "#gen/patwarden/v1/token_pb.js";
import { grid, type IssuedToken, type Patwarden, startOnEngines } from "../kit/patwarden.js";

const { createToken, getTokenSummary, listTokens, revokeToken, revokeTokens, suspendToken } = TokenService.method;
const inDays = (days: number) => timestampFromDate(new Date(Date.now() + days * 86_400_000));

let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  engines = await startOnEngines();
});
afterAll(() => engines.stop());

describe.each(grid)("lists and selections over $port on $engine", ({ port, engine }) => {
  let patwarden: Patwarden;
  let organization: string;
  let subject: string;
  let made: Readonly<Record<"deploy" | "Backup" | "forever" | "bound" | "own" | "stopped" | "leaked", IssuedToken>>;

  beforeAll(async () => {
    patwarden = engines[engine].over(port);
    const id = randomUUID();
    [subject, organization] = [`user:${id}`, `organization:${id}`];
    const one = { action: "viewer", resource: "document:roadmap" };
    const rules = { rules: [{ actions: [one.action], resources: [one.resource] }] };
    const create = (name: string, over: Partial<MessageInitShape<typeof createToken.input>> = {}) =>
      patwarden.createToken({
        subject,
        name,
        grant: rules,
        lifetime: { case: "expireTime", value: inDays(30) },
        ...over,
      } as MessageInitShape<typeof createToken.input>);
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
      { user: subject, relation: "member", object: organization },
      { user: subject, relation: "viewer", object: "document:roadmap" },
    ]);
    made = {
      deploy: await create("deploy", { description: "Pushes to Production" }),
      Backup: await create("Backup", { lifetime: { case: "expireTime", value: inDays(3) } }),
      forever: await create("forever", { lifetime: { case: "neverExpires", value: true }, grant: { full: true } }),
      bound: await create("bound", { organization }),
      own: await create("own", { subject: organization }),
      stopped: await create("stopped"),
      leaked: await create("leaked"),
    };
    await patwarden.ask(suspendToken, { id: made.stopped.token.id });
    await patwarden.ask(revokeToken, { id: made.leaked.token.id, reason: RevocationReason.LEAKED });
    expect(await patwarden.check(made.deploy.secret)).toBe(Reason.ALLOWED);
  });

  const names = (tokens: readonly Token[]) => tokens.map(({ name }) => name);
  async function listed(request: MessageInitShape<typeof listTokens.input>, pageSize = 0): Promise<readonly string[]> {
    const found: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await patwarden.ask(listTokens, { subject, ...request, pageSize, pageToken });
      found.push(...names(page.tokens));
      pageToken = page.nextPageToken;
      if (pageToken === "") return found;
    }
  }
  const all = ["leaked", "stopped", "bound", "forever", "Backup", "deploy"];

  it.each<[MessageInitShape<typeof listTokens.input>, readonly string[]]>([
    [{}, all],
    [{ orderBy: "create_time desc" }, all],
    [{ orderBy: "create_time" }, all.toReversed()],
    [{ orderBy: " name " }, ["Backup", "bound", "deploy", "forever", "leaked", "stopped"]],
    [{ orderBy: "name  desc" }, ["stopped", "leaked", "forever", "deploy", "bound", "Backup"]],
    [{ orderBy: "expire_time", states: [Token_State.ACTIVE] }, ["Backup", "deploy", "bound", "forever"]],
    [{ orderBy: "expire_time desc", states: [Token_State.ACTIVE] }, ["forever", "bound", "deploy", "Backup"]],
    [{ query: "PRODUCTION" }, ["deploy"]],
    [{ query: "backup" }, ["Backup"]],
    [{ query: "%" }, []],
    [{ bound: true }, ["bound"]],
    [{ bound: false }, all.filter((name) => name !== "bound")],
    [{ full: true }, ["forever"]],
    [{ neverExpires: true }, ["forever"]],
    [{ neverExpires: false, query: "e" }, ["leaked", "stopped", "deploy"]],
    [{ kind: TokenKind.ORGANIZATION }, []],
    [{ kind: TokenKind.USER }, all],
    [{ revocationReasons: [RevocationReason.LEAKED, RevocationReason.UNUSED] }, ["leaked"]],
    [{ revocationReasons: [RevocationReason.REQUESTED] }, []],
    [{ blocked: true }, []],
    [{ blocked: false }, all],
  ])("ListTokens %j", async (request, expected) => {
    expect(await listed(request)).toEqual(expected);
    expect(await listed(request, 1)).toEqual(expected);
  });

  it("ListTokens orders by last use, and finds ids and hints", async () => {
    const lastUsed = async () => (await listed({ orderBy: "last_use_time desc" }))[0];
    // Last uses are stored soon after the Check.
    await expect.poll(lastUsed, { timeout: 20_000 }).toBe("deploy");
    expect((await listed({ orderBy: "last_use_time" })).at(-1)).toBe("deploy");
    const { id, secrets } = made.forever.token;
    for (const query of [id, id.slice(10), secrets[0]?.hint ?? "", made.forever.secret.slice(-4)]) {
      expect(await listed({ query }), query).toContain("forever");
    }
    expect(await listed({ query: id })).toEqual(["forever"]);
  });

  it("GetTokenSummary counts what a list with the same filter shows, and what a policy blocks", async () => {
    const summary = async (filter: MessageInitShape<typeof getTokenSummary.input>["filter"]) => {
      const { $typeName: _, ...counts } = await patwarden.ask(getTokenSummary, { filter: { ...filter } });
      return counts;
    };
    const none = { pendingApproval: 0, suspended: 0, expired: 0, revoked: 0, expiring: 0, unused: 0, blocked: 0 };
    const ofAlice = { ...none, total: 6, active: 4, suspended: 1, revoked: 1, expiring: 1, neverExpires: 1, full: 1 };
    expect(await summary({ subject })).toEqual(ofAlice);
    expect(await summary({ organization })).toEqual({ ...none, total: 2, active: 2, neverExpires: 0, full: 0 });
    expect(await summary({ subject, query: "BACK" })).toMatchObject({ total: 1, expiring: 1 });
    expect((await summary(undefined)).total).toBeGreaterThan(6);

    const paths = { updateMask: { paths: ["require_expiry", "block_all"] } };
    const { updatePolicy, deletePolicy } = PolicyService.method;
    await patwarden.ask(updatePolicy, { policy: { scope: organization, blockAll: true }, ...paths });
    try {
      const blocked = await patwarden.ask(listTokens, { organization, blocked: true });
      expect(names(blocked.tokens)).toEqual(["own", "bound"]);
      expect(blocked.tokens.map(({ usable }) => usable)).toEqual([Reason.POLICY, Reason.POLICY]);
      expect(await summary({ organization })).toMatchObject({ active: 2, blocked: 2 });
      expect(await listed({ blocked: false })).toEqual(all.filter((name) => name !== "bound"));
    } finally {
      await patwarden.ask(deletePolicy, { scope: organization });
    }
  });

  it("a page token is for the same filters and order only", async () => {
    const { nextPageToken: pageToken } = await patwarden.ask(listTokens, { subject, orderBy: "name", pageSize: 1 });
    for (const other of [
      {},
      { orderBy: "name desc" },
      { orderBy: "name", query: "e" },
      { orderBy: "name", full: true },
    ]) {
      const refused = await patwarden.refused(listTokens, { subject, pageToken, ...other });
      expect(refused.reason, JSON.stringify(other)).toBe("PAGE_TOKEN_INVALID");
    }
  });

  describe("RevokeTokens", () => {
    const issue = (count: number, over: object = {}) =>
      Promise.all(Array.from({ length: count }, () => patwarden.createToken({ subject, name: "many", ...over })));
    const idsOf = (tokens: readonly IssuedToken[]) => tokens.map(({ token }) => token.id);
    const toIds = (ids: readonly string[]) => ({ target: { case: "ids" as const, value: { ids: [...ids] } } });

    it("of ids ends each, tells the result of each, and writes an audit row for each", async () => {
      const tokens = await issue(3);
      const missing = "tok_01h455vb4pex5vsknk084sn02q";
      const [first = "", ...rest] = idsOf(tokens);
      await patwarden.ask(revokeToken, { id: first });
      const request = toIds([...rest, missing, first]);
      const expected = [
        ...rest.map((id) => ({ id, result: RevokedToken_Result.REVOKED })),
        { id: missing, result: RevokedToken_Result.NOT_FOUND },
        { id: first, result: RevokedToken_Result.REVOKED_BEFORE },
      ];
      expect(await patwarden.ask(revokeTokens, { ...request, validateOnly: true })).toMatchObject({
        count: 2,
        results: expected,
      });
      expect(await patwarden.refused(revokeTokens, { ...request, expectedCount: 3 })).toMatchObject({
        reason: "POLICY_VIOLATION",
        metadata: { field: "expected_count", limit: "2" },
      });
      expect(await patwarden.check(tokens[1]?.secret ?? "")).toBe(Reason.ALLOWED);
      const { count, results } = await patwarden.ask(revokeTokens, {
        ...request,
        expectedCount: 2,
        reason: RevocationReason.ADMINISTRATIVE,
      });
      expect({ count, results }).toMatchObject({ count: 2, results: expected });
      for (const { secret } of tokens) expect(await patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
      const { events } = await patwarden.ask(AuditService.method.listAuditEvents, { tokenId: rest[0] ?? "" });
      expect(events[0]).toMatchObject({ action: "token.revoked", details: { bulk: "ids" } });
    });

    it("takes 500 ids, and refuses none, 501, the same twice and what is no id", async () => {
      const ids = Array.from({ length: 500 }, (_, n) => `tok_01h455vb4pex5vsknk084${String(n).padStart(5, "0")}`);
      const { count, results } = await patwarden.ask(revokeTokens, toIds(ids));
      expect([count, results.length]).toEqual([0, 500]);
      const refusal = async (request: MessageInitShape<typeof revokeTokens.input>) =>
        patwarden.refused(revokeTokens, request);
      expect(await refusal(toIds([]))).toMatchObject({ fields: ["ids.ids"] });
      expect(await refusal(toIds([...ids, made.own.token.id]))).toMatchObject({ fields: ["ids.ids"] });
      expect(await refusal(toIds([...ids.slice(0, 2), ids[0] ?? ""]))).toMatchObject({ fields: ["ids.ids[2]"] });
      expect(await refusal(toIds(["tok_x"]))).toMatchObject({ fields: ["ids.ids[0]"] });
      const before = { createdBefore: inDays(1) };
      expect(await refusal({ ...toIds(ids), ...before })).toMatchObject({ fields: ["created_before"] });
      const filter = { target: { case: "filter" as const, value: { subject, query: "\u202e" } }, expectedCount: 1 };
      expect(await refusal(filter)).toMatchObject({ fields: ["filter.query"] });
      const uncounted = { target: { case: "filter" as const, value: { subject } } };
      expect(await refusal(uncounted)).toMatchObject({ fields: ["expected_count"] });
    });

    it("TL-7 of a filter ends what a list shows, if it is the expected number", async () => {
      const name = randomUUID();
      const [one, two] = await issue(2, { name });
      const [bound] = await issue(1, { name, organization });
      const request = (value: object, more: object = {}) => ({ target: { case: "filter" as const, value }, ...more });
      const unbound = { subject, query: name, bound: false };
      const { count } = await patwarden.ask(revokeTokens, request(unbound, { validateOnly: true }));
      expect(count).toBe(2);
      expect(await patwarden.refused(revokeTokens, request(unbound, { expectedCount: 3 }))).toMatchObject({
        reason: "POLICY_VIOLATION",
        metadata: { limit: "2" },
      });
      expect(await patwarden.check(one?.secret ?? "")).toBe(Reason.ALLOWED);
      expect(await patwarden.ask(revokeTokens, request(unbound, { expectedCount: count }))).toMatchObject({ count: 2 });
      // As after REVOCATION_PENDING or a lost answer.
      expect(await patwarden.ask(revokeTokens, request(unbound, { expectedCount: count }))).toMatchObject({ count: 0 });
      for (const each of [one, two]) expect(await patwarden.check(each?.secret ?? "")).toBe(Reason.TOKEN_REVOKED);
      expect(await patwarden.check(bound?.secret ?? "")).toBe(Reason.ALLOWED);
      const revoked = { ...unbound, states: [Token_State.REVOKED] };
      expect(await patwarden.ask(revokeTokens, request(revoked, { validateOnly: true }))).toMatchObject({ count: 0 });
      const { events } = await patwarden.ask(AuditService.method.listAuditEvents, { tokenId: one?.token.id ?? "" });
      expect(events[0]).toMatchObject({ action: "token.revoked", details: { bulk: "filter" } });
      const before = request({ subject, query: name }, { createdBefore: inDays(-1), validateOnly: true });
      expect(await patwarden.ask(revokeTokens, before)).toMatchObject({ count: 0 });
    });

    it("TL-9 refuses an expected number where there is nothing to revoke, and was not", async () => {
      const name = randomUUID();
      const tokens = await issue(2, { name });
      const ids = idsOf(tokens);
      const nobodys = ["tok_01h455vb4pex5vsknk084sn02q", "tok_01h455vb4pex5vsknk084sn02r"];
      const other = `user:${randomUUID()}`;
      const ofFilter = (value: object) => ({ target: { case: "filter" as const, value: { query: name, ...value } } });
      const nothing: readonly MessageInitShape<typeof revokeTokens.input>[] = [
        ofFilter({ subject: other }),
        ofFilter({ subject, query: randomUUID() }),
        ofFilter({ subject, states: [Token_State.SUSPENDED] }),
        { target: { case: "subject", value: other } },
        { ...ofFilter({ subject }), createdBefore: inDays(-1) },
        toIds(nobodys),
      ];
      const refusals = await Promise.all(
        nothing.map((request) => patwarden.refused(revokeTokens, { ...request, expectedCount: 2 })),
      );
      expect(refusals.map(({ reason, metadata: { field, limit } }) => [reason, field, limit])).toEqual(
        nothing.map(() => ["POLICY_VIOLATION", "expected_count", "0"]),
      );
      for (const { secret } of tokens) expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
      // A repeat finds its work done, by whatever the tokens were selected.
      const unused = { lastUsedBefore: inDays(1), states: [Token_State.ACTIVE], blocked: false };
      for (const count of [2, 0, 0]) {
        const request = { ...ofFilter({ subject, ...unused }), expectedCount: 2 };
        expect(await patwarden.ask(revokeTokens, request)).toMatchObject({ count });
      }
      expect(await patwarden.ask(revokeTokens, { ...toIds(ids), expectedCount: 2 })).toMatchObject({ count: 0 });
      const more = { ...toIds([...ids, ...nobodys]), expectedCount: 3 };
      expect(await patwarden.refused(revokeTokens, more)).toMatchObject({ metadata: { limit: "0" } });
    });
  });
});
