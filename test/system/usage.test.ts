import { spawn } from "node:child_process";
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService, RequestContextSchema } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { RevocationReason, type Token, Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import {
  Dimension,
  Granularity,
  type QueryUsageRequest,
  type UsageRow,
  UsageService,
} from "#gen/patwarden/v1/usage_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type IssuedToken, type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { CallSettings, Port } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/** By examples/direct, alice edits document:roadmap and is a member of acme, which bob administers. */

const { check, batchCheck } = AuthorizationService.method;
const { getToken, listTokens, revokeToken, rotateToken } = TokenService.method;
const { queryUsage } = UsageService.method;

const config = { usage: { flush_interval: "1s" } };
const biller = newKey();
const callers = [{ name: "biller", key_sha256: [hashOf(biller)], permissions: ["usage"] }];

type Context = Partial<Pick<ReturnType<typeof contextOf>, "clientIp" | "usageUnits" | "usageId">>;
const contextOf = (context: object) => create(RequestContextSchema, context);

/** Makes a call, and repeats it when it got no decision: such a call is not counted. */
async function ask(
  port: Port,
  { secret }: IssuedToken,
  {
    action = "viewer",
    resource = "document:roadmap",
    ...context
  }: Context & { readonly action?: string; readonly resource?: string } = {},
): Promise<Reason> {
  const request = { token: secret, resource, action, context: contextOf(context) };
  for (let attempt = 1; ; attempt++) {
    const reply = await port.call(check, request);
    if (reply.ok) return reply.value.reason;
    if (reply.code !== "DEADLINE_EXCEEDED" && reply.code !== "UNAVAILABLE") throw new Error(reply.message);
    if (attempt === 10) throw new Error(reply.message);
  }
}

async function query(
  port: Port,
  request: Partial<QueryUsageRequest>,
  settings: CallSettings = {},
): Promise<UsageRow[]> {
  const rows: UsageRow[] = [];
  for (let pageToken = ""; ; ) {
    const reply = await port.call(queryUsage, { ...request, pageToken } as QueryUsageRequest, settings);
    if (!reply.ok) throw new Error(reply.reason);
    rows.push(...reply.value.rows);
    pageToken = reply.value.nextPageToken;
    if (pageToken === "") return rows;
  }
}

/** Returns the decisions and units. */
async function totals(port: Port, request: Partial<QueryUsageRequest>): Promise<readonly [number, number]> {
  const rows = await query(port, request);
  const sum = (pick: (row: UsageRow) => bigint) => Number(rows.reduce((all, row) => all + pick(row), 0n));
  return [sum(({ count }) => count), sum(({ units }) => units)];
}

async function shown(port: Port, { token }: Pick<IssuedToken, "token">): Promise<Token> {
  const reply = await port.call(getToken, { id: token.id });
  if (!reply.ok || !reply.value.token) throw new Error("no token");
  return reply.value.token;
}

const soon = { timeout: 10_000, interval: 50 };

describe.each(["PostgreSQL", "PGlite"] as const)("on %s", (engine) => {
  let issuer: TestIssuer;
  let patwarden: Patwarden;
  beforeAll(async () => {
    issuer = await startTestIssuer();
    const issuers = [{ issuer: issuer.url, audiences: [issuer.audience], subject: "{sub}" }];
    patwarden = await startPatwarden({ engine, config: { ...config, issuers }, callers });
  });
  afterAll(async () => {
    await patwarden.stop();
    await issuer.stop();
  });
  const ports = () => patwarden.server.ports;
  const newToken = (over: object = {}) =>
    patwarden.createToken({ subject: "user:alice", name: "metered", grant: { full: true }, ...over });

  it("US-1 US-4 totals equal the decisions, by token and reason, however many are made at once over both ports", async () => {
    const [good, narrow, dead] = [await newToken(), await newToken({ grant: { full: false } }), await newToken()];
    await patwarden.port.call(revokeToken, { id: dead.token.id });
    const made = new Map<string, number>();
    const note = (token: IssuedToken, reason: Reason) => {
      const key = `${token.token.id} ${reason}`;
      made.set(key, (made.get(key) ?? 0) + 1);
    };
    const kinds: readonly (readonly [IssuedToken, string])[] = [
      [good, "document:roadmap"],
      [good, "document:payroll"],
      [narrow, "document:roadmap"],
      [dead, "document:roadmap"],
    ];
    const single = async (index: number) => {
      const [token, resource] = kinds[index % kinds.length] ?? [good, "document:roadmap"];
      const over = ports()[index % 3 === 0 ? 0 : 1] ?? patwarden.port;
      note(token, await ask(over, token, { resource }));
    };
    for (let start = 0; start < 400; start += 40) {
      await Promise.all(Array.from({ length: 40 }, (_, index) => single(start + index)));
    }
    const batches = ports().map(async (over) => {
      const items = Array.from({ length: 100 }, (_, index) => {
        const [token, resource] = kinds[index % kinds.length] ?? [good, "document:roadmap"];
        return { token, item: { token: token.secret, resource, action: "viewer" } };
      });
      // Two calls that get no answer: they are not decisions.
      const bad = { token: good.secret, resource: "document:roadmap", action: "no-such-action" };
      const reply = await over.call(batchCheck, { items: [...items.map(({ item }) => item), bad, bad] });
      if (!reply.ok) throw new Error(reply.message);
      for (const [index, { token }] of items.entries()) {
        const result = reply.value.results[index]?.result;
        if (result?.case === "decision") note(token, result.value.reason);
      }
    });
    await Promise.all(batches);
    // No known token: only counted by the metrics.
    await patwarden.port.call(check, { token: "garbage", resource: "document:roadmap", action: "viewer" });
    expect([...made.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(400);
    expect(new Set([...made.keys()].map((key) => Number(key.split(" ")[1])))).toEqual(
      new Set([Reason.ALLOWED, Reason.NOT_PERMITTED, Reason.NOT_GRANTED, Reason.TOKEN_REVOKED]),
    );
    const counted = async () => {
      const found = new Map<string, number>();
      for (const { token } of [good, narrow, dead]) {
        const rows = await query(patwarden.port, { tokenId: token.id, groupBy: [Dimension.TOKEN, Dimension.REASON] });
        for (const row of rows) found.set(`${row.tokenId} ${row.reason}`, Number(row.count));
      }
      return found;
    };
    await expect.poll(counted, soon).toEqual(made);
    // Refused calls are not billed.
    const billed = await query(patwarden.port, { tokenId: good.token.id, groupBy: [Dimension.REASON] });
    expect(billed.map(({ reason, units }) => [reason, units])).toEqual([
      [Reason.ALLOWED, BigInt(made.get(`${good.token.id} ${Reason.ALLOWED}`) ?? 0)],
      [Reason.NOT_PERMITTED, 0n],
    ]);
    const refused = made.get(`${dead.token.id} ${Reason.TOKEN_REVOKED}`);
    expect(await totals(patwarden.port, { tokenId: dead.token.id })).toEqual([refused, 0]);
  });

  it("bills the requests of a company instead of our checks", async () => {
    const token = await newToken({ organization: "organization:acme" });
    const id = token.token.id;
    const usageId = `request ${id}`.replaceAll(" ", "-");
    await ask(patwarden.port, token, { usageUnits: 5 });
    await ask(patwarden.port, token, { usageUnits: 0 });
    for (const over of ports()) {
      await ask(over, token, { usageId, usageUnits: 7 });
      await ask(over, token, { usageId, usageUnits: 7 });
    }
    await ask(patwarden.port, token, { usageId: `${usageId}-2`, usageUnits: 11, resource: "document:payroll" });
    await ask(patwarden.port, token);
    const question = { token: token.secret, resource: "document:roadmap", action: "viewer" };
    await patwarden.port.call(batchCheck, {
      context: contextOf({ usageId: `${usageId}-3`, usageUnits: 100 }),
      items: [question, question, { ...question, context: contextOf({ usageUnits: 1000 }) }],
    });
    await expect.poll(() => totals(patwarden.port, { tokenId: id }), soon).toEqual([11, 5 + 7 + 1 + 100 + 1000]);
    // Again, in another batch.
    await ask(patwarden.port, token, { usageId, usageUnits: 7 });
    await expect.poll(() => totals(patwarden.port, { tokenId: id }), soon).toEqual([12, 1113]);
    for (const context of [{ usageUnits: -1 }, { usageUnits: 1_000_001 }, { usageId: "x".repeat(129) }]) {
      const reply = await patwarden.port.call(check, { ...question, context: contextOf(context) });
      expect(reply).toMatchObject({ ok: false, reason: "INVALID_FIELD" });
    }
  });

  it("shows hours and days, keeps apart what is asked for, and pages", async () => {
    const token = await newToken({ organization: "organization:acme" });
    const id = token.token.id;
    for (const action of ["viewer", "editor", "viewer"]) await ask(patwarden.port, token, { action });
    await expect.poll(() => totals(patwarden.port, { tokenId: id }), soon).toEqual([3, 3]);
    const all = [Dimension.TOKEN, Dimension.SUBJECT, Dimension.ORGANIZATION, Dimension.ACTION, Dimension.REASON];
    const rows = await query(patwarden.port, { tokenId: id, granularity: Granularity.HOUR, groupBy: all, pageSize: 1 });
    const same = { tokenId: id, subject: "user:alice", organization: "organization:acme", reason: Reason.ALLOWED };
    expect(rows).toMatchObject([
      { ...same, action: "editor", count: 1n, units: 1n, closed: false },
      { ...same, action: "viewer", count: 2n, units: 2n, closed: false },
    ]);
    const [first] = rows;
    if (!first?.startTime || !first.endTime) throw new Error("an hour has bounds");
    expect(timestampDate(first.endTime).getTime() - timestampDate(first.startTime).getTime()).toBe(3_600_000);
    const [day] = await query(patwarden.port, { tokenId: id, granularity: Granularity.DAY });
    expect(day).toMatchObject({ tokenId: "", subject: "", action: "", reason: Reason.UNSPECIFIED, count: 3n });
    const before = timestampFromDate(new Date(timestampDate(first.startTime).getTime()));
    expect(await query(patwarden.port, { tokenId: id, endTime: before })).toEqual([]);
    const beyond = await query(patwarden.port, { tokenId: id, startTime: before });
    expect(beyond).toMatchObject([{ count: 3n, startTime: before }]);
  });

  it("says all that is wrong with a query at once", async () => {
    const reply = await patwarden.port.call(queryUsage, {
      tokenId: "tok_x",
      subject: "document:1",
      organization: "user:alice",
      startTime: timestampFromDate(new Date(1000)),
      endTime: timestampFromDate(new Date(0)),
      granularity: 99 as Granularity,
      groupBy: [Dimension.TOKEN, Dimension.UNSPECIFIED, Dimension.TOKEN],
      pageSize: 1001,
    });
    expect(reply).toMatchObject({
      ok: false,
      reason: "INVALID_FIELD",
      fields: [
        ...["token_id", "subject", "organization", "end_time", "granularity"],
        ...["group_by[1]", "group_by[2]", "page_size"],
      ],
    });
    const page = { groupBy: [Dimension.REASON], pageSize: 1 };
    const first = await patwarden.port.call(queryUsage, page);
    const pageToken = first.ok ? first.value.nextPageToken : "";
    expect(pageToken).not.toBe("");
    expect(await patwarden.port.call(queryUsage, { ...page, pageToken })).toMatchObject({ ok: true });
    for (const other of [
      { ...page, granularity: Granularity.DAY, pageToken },
      { groupBy: [Dimension.ACTION], pageToken },
      { ...page, subject: "user:alice", pageToken },
      { ...page, pageToken: `${pageToken}x` },
    ]) {
      expect(await patwarden.port.call(queryUsage, other)).toMatchObject({ ok: false, reason: "PAGE_TOKEN_INVALID" });
    }
    expect(await patwarden.port.call(queryUsage, { ...page, pageToken }, { key: biller })).toMatchObject({
      reason: "PAGE_TOKEN_INVALID",
    });
  });

  it("shows users what is their own, and administrators what is their organization's", async () => {
    const own = await newToken();
    const bound = await newToken({ organization: "organization:acme" });
    const acme = await newToken({ subject: "organization:acme" });
    await ask(patwarden.port, own);
    await ask(patwarden.port, bound);
    await ask(patwarden.port, acme, { resource: "document:price-list" });
    for (const { token } of [own, bound, acme]) {
      await expect.poll(() => totals(patwarden.port, { tokenId: token.id }), soon).toEqual([1, 1]);
    }
    const seenBy = async (sub: string, request: Partial<QueryUsageRequest>) => {
      const reply = await patwarden.port.call(
        queryUsage,
        { ...request, groupBy: [Dimension.TOKEN], pageSize: 1000 } as QueryUsageRequest,
        { key: await issuer.sign({ sub }) },
      );
      if (!reply.ok) return reply.reason;
      const ids = reply.value.rows.map(({ tokenId }) => tokenId);
      return [own, bound, acme].map(({ token }) => ids.includes(token.id));
    };
    expect(await seenBy("alice", {})).toEqual([true, true, false]);
    expect(await seenBy("alice", { subject: "user:alice" })).toEqual([true, true, false]);
    expect(await seenBy("alice", { tokenId: own.token.id })).toEqual([true, false, false]);
    expect(await seenBy("bob", {})).toEqual([false, false, false]);
    expect(await seenBy("bob", { organization: "organization:acme" })).toEqual([false, true, true]);
    expect(await seenBy("bob", { subject: "organization:acme" })).toEqual([false, false, true]);
    expect(await seenBy("bob", { tokenId: bound.token.id })).toEqual([false, true, false]);
    for (const [sub, request] of [
      ["alice", { organization: "organization:acme" }],
      ["alice", { subject: "user:bob" }],
      ["alice", { tokenId: acme.token.id }],
      ["bob", { tokenId: own.token.id }],
      ["carol", { tokenId: own.token.id }],
      ["bob", { tokenId: "tok_01h455vb4pex5vsknk084sn02q" }],
    ] as const) {
      expect(await seenBy(sub, request), `${sub} ${JSON.stringify(request)}`).toBe("NOT_FOUND");
    }
    expect((await query(patwarden.port, {}, { key: biller })).length).toBe(1);
    expect(await patwarden.port.call(queryUsage, {}, { key: patwarden.server.keys.checker })).toMatchObject({
      reason: "CALLER_FORBIDDEN",
    });
    // A service that is restricted to some subjects sees no others.
    const narrowed = await patwarden.port.call(queryUsage, {}, { key: patwarden.server.keys.narrow });
    expect(narrowed).toMatchObject({ ok: false, reason: "CALLER_FORBIDDEN" });
  });

  it("LU-4 RV-8 last use moves at once with the first use on every path, and never with a refused one", async () => {
    const single = (over: Port) => (token: IssuedToken, resource: string, clientIp: string) =>
      over.call(check, { token: token.secret, resource, action: "viewer", context: contextOf({ clientIp }) });
    const many = (over: Port) => (token: IssuedToken, resource: string, clientIp: string) =>
      over.call(batchCheck, {
        token: token.secret,
        context: contextOf({ clientIp }),
        items: [{ resource, action: "viewer" }],
      });
    for (const use of ports().flatMap((over) => [single(over), many(over)])) {
      const [token, refused] = [await newToken(), await newToken()];
      expect((await shown(patwarden.port, token)).lastUseTime).toBeUndefined();
      const before = new Date();
      expect(await use(token, "document:roadmap", "2001:db8::7")).toMatchObject({ ok: true });
      expect(await use(refused, "document:payroll", "2001:db8::7")).toMatchObject({ ok: true });
      await expect.poll(async () => (await shown(patwarden.port, token)).lastUseIp, soon).toBe("2001:db8::7");
      const { lastUseTime, secrets } = await shown(patwarden.port, token);
      if (!lastUseTime) throw new Error("it was used");
      expect(timestampDate(lastUseTime).getTime()).toBeGreaterThanOrEqual(before.getTime());
      expect(timestampDate(lastUseTime).getTime()).toBeLessThanOrEqual(Date.now());
      expect(secrets.map((secret) => secret.lastUseTime)).toEqual([lastUseTime]);
      await patwarden.port.call(revokeToken, { id: token.token.id });
      await use(token, "document:roadmap", "192.0.2.9");
      // Uses after the refused ones are written after them.
      const marker = await newToken();
      await use(marker, "document:roadmap", "");
      await expect.poll(async () => (await shown(patwarden.port, marker)).lastUseTime, soon).toBeDefined();
      expect(await shown(patwarden.port, token)).toMatchObject({ lastUseTime, lastUseIp: "2001:db8::7" });
      const { lastUseTime: none, lastUseIp: nowhere } = await shown(patwarden.port, refused);
      expect([none, nowhere]).toEqual([undefined, ""]);
      expect((await shown(patwarden.port, marker)).lastUseIp).toBe("");
    }
  });

  it("last use is kept apart by secret, and tokens are listed by it", async () => {
    const token = await newToken({ name: "rotated" });
    await ask(patwarden.port, token);
    await expect.poll(async () => (await shown(patwarden.port, token)).lastUseTime, soon).toBeDefined();
    const rotated = await patwarden.port.call(rotateToken, { id: token.token.id, grace: durationFromMs(3_600_000) });
    if (!rotated.ok) throw new Error(rotated.message);
    expect(rotated.value.token?.secrets.map(({ lastUseTime }) => lastUseTime !== undefined)).toEqual([false, true]);
    const between = new Date();
    const silent = await newToken({ name: "silent" });
    const unused = async (time: Date) => {
      const reply = await patwarden.port.call(listTokens, { lastUsedBefore: timestampFromDate(time), pageSize: 1000 });
      const ids = reply.ok ? reply.value.tokens.map(({ id }) => id) : [];
      return [token, silent].map((one) => ids.includes(one.token.id));
    };
    expect(await unused(between)).toEqual([true, false]);
    expect(await unused(new Date(Date.now() + 60_000))).toEqual([true, true]);
    await ask(patwarden.port, { ...token, secret: rotated.value.secret });
    await expect.poll(() => unused(between), soon).toEqual([false, false]);
  });
});

describe("in the database", () => {
  let patwarden: Patwarden;
  let sql: postgres.Sql;
  beforeAll(async () => {
    patwarden = await startPatwarden({ config, callers });
    sql = postgres(patwarden.databaseUrl, { max: 1, onnotice: () => undefined });
    // Records every write to the tables that a Check could write to.
    await sql.unsafe(`
      create table written (relation text, operation text, id text);
      create function write_down() returns trigger language plpgsql as $$
        begin
          insert into written values (tg_table_name, tg_op, to_jsonb(new) ->> case tg_table_name when 'usage' then 'token_id' else 'id' end);
          return new;
        end $$;
      create trigger t before insert or update on token for each row execute function write_down();
      create trigger t before insert or update on token_secret for each row execute function write_down();
      create trigger t before insert or update on last_use for each row execute function write_down();
      create trigger t before insert or update on usage for each row execute function write_down();
    `);
  });
  afterAll(async () => {
    await sql.end();
    await patwarden.stop();
  });

  it("LU-1 LU-2 reads stay reads: 200 Checks at once write nothing but one last use and what is counted, with their token's row held", async () => {
    const token = await patwarden.createToken();
    const [row] =
      await sql`select id, xmin::text as version from token where id = (select id from token order by id desc limit 1)`;
    await sql`delete from written`;
    const other = postgres(patwarden.databaseUrl, { max: 1 });
    try {
      // The row of the token is locked, and no Check waits for that.
      await other.begin(async (held) => {
        await held`select from token where id = ${row?.["id"]} for update`;
        await Promise.all(Array.from({ length: 200 }, () => ask(patwarden.port, token)));
        await expect.poll(() => totals(patwarden.port, { tokenId: token.token.id }), soon).toEqual([200, 200]);
      });
    } finally {
      await other.end();
    }
    const writes =
      await sql`select relation, count(*)::int as count from written where relation <> 'usage' group by relation`;
    // One for the token and one for its secret.
    expect(writes).toEqual([{ relation: "last_use", count: 2 }]);
    const [after] = await sql`select xmin::text as version from token where id = ${row?.["id"]}`;
    expect(after?.["version"]).toBe(row?.["version"]);
    const [counted] = await sql`select count(*)::int as count from written where relation = 'usage'`;
    expect(counted?.["count"]).toBeLessThan(20);
  });

  it("US-2 an export has closed hours only, is the same each time, and bills by ids that stay", async () => {
    const token = await patwarden.createToken({
      subject: "user:alice",
      organization: "organization:acme",
      name: "exported",
      grant: { full: true },
    });
    await ask(patwarden.port, token, { usageUnits: 3 });
    await ask(patwarden.port, token, { resource: "document:payroll" });
    await expect.poll(() => totals(patwarden.port, { tokenId: token.token.id }), soon).toEqual([2, 3]);
    // Moves everything five hours back, and closes all hours before the last but one.
    const hour = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 5 * 3_600_000);
    await sql`update usage set hour = ${hour} where token_id = (select id from token where name = 'exported')`;
    await sql`update usage_watermark set open_from = ${new Date(hour.getTime() + 3 * 3_600_000)}`;
    await ask(patwarden.port, token, { usageUnits: 100 });
    await expect.poll(() => totals(patwarden.port, { tokenId: token.token.id }), soon).toEqual([3, 103]);
    const exported = await commandLine("usage", "export");
    expect(exported).toMatchObject({ code: 0, stderr: expect.stringContaining("still open") });
    const time = hour.toISOString();
    const data = {
      token_id: token.token.id,
      subject: "user:alice",
      organization: "organization:acme",
      action: "viewer",
      start_time: time,
      end_time: new Date(hour.getTime() + 3_600_000).toISOString(),
    };
    const event = (reason: string, units: number) => ({
      specversion: "1.0",
      id: `${time}/${token.token.id}/viewer/${reason}`,
      source: "patwarden",
      type: "patwarden.v1.usage",
      subject: "organization:acme",
      time,
      datacontenttype: "application/json",
      data: { ...data, reason, count: 1, units },
    });
    const lines = exported.stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([event("ALLOWED", 3), event("NOT_PERMITTED", 0)]);
    expect((await commandLine("usage", "export")).stdout).toBe(exported.stdout);
    // In part, too.
    const until = await commandLine("usage", "export", "--to", time, "--source", "https://tokens.example");
    expect(until).toMatchObject({ code: 0, stdout: "" });
    const table = await commandLine(
      "usage",
      "query",
      "--organization",
      "organization:acme",
      "--per",
      "hour",
      "--by",
      "subject",
      "reason",
    );
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^FROM +TO +SUBJECT +REASON +DECISIONS +UNITS +CLOSED\n/);
    expect(table.stdout).toMatch(
      new RegExp(`^${time.replace(".000Z", "Z")} +\\S+ +user:alice +ALLOWED +1 +3 +yes$`, "m"),
    );
    const json = await commandLine("usage", "query", "--token", token.token.id, "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ rows: [{ count: "3", units: "103" }] });
  });

  it("a policy revokes tokens that are not used, and only those, within minutes", { timeout: 150_000 }, async () => {
    const day = 86_400_000;
    const set = (revokeUnusedAfterMs: number) =>
      patwarden.port.call(PolicyService.method.updatePolicy, {
        policy: { scope: "organization:acme", revokeUnusedAfter: durationFromMs(revokeUnusedAfterMs) },
        updateMask: { paths: ["revoke_unused_after"] },
      });
    expect(await set(day - 1)).toMatchObject({ ok: false, fields: ["policy.revoke_unused_after"] });
    expect(await set(2 * day)).toMatchObject({ ok: true });
    const make = () =>
      patwarden.createToken({
        subject: "user:alice",
        organization: "organization:acme",
        name: "aged",
        grant: { full: true },
      });
    const [idle, used] = [await make(), await make()];
    await ask(patwarden.port, used);
    await expect.poll(async () => (await shown(patwarden.port, used)).lastUseTime, soon).toBeDefined();
    await sql`update token set created_at = now() - interval '3 days' where name = 'aged'`;
    // A replica runs this job when it starts.
    const replica = await patwarden.startReplica();
    try {
      const sweep = { timeout: 90_000, interval: 100 };
      await expect.poll(async () => (await shown(patwarden.port, idle)).state, sweep).toBe(Token_State.REVOKED);
      expect((await shown(patwarden.port, idle)).revocationReason).toBe(RevocationReason.UNUSED);
      await expect.poll(() => ask(patwarden.port, idle), soon).toBe(Reason.TOKEN_REVOKED);
      expect((await shown(patwarden.port, used)).state).toBe(Token_State.ACTIVE);
      const trail = await patwarden.port.call(AuditService.method.listAuditEvents, { tokenId: idle.token.id });
      expect(trail.ok && trail.value.events[0]).toMatchObject({
        action: "token.revoked",
        actor: "system",
        details: { policy: "organization:acme" },
      });
    } finally {
      await replica.stop();
    }
  });

  function commandLine(...args: readonly string[]) {
    const child = spawn(process.execPath, [new URL("../../dist/main.js", import.meta.url).pathname, ...args], {
      env: {
        PATH: process.env["PATH"] ?? "",
        PATWARDEN_CLIENT_URL: patwarden.server.http,
        PATWARDEN_CLIENT_KEY: biller,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    return new Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resolve) =>
      child.once("close", (code) => resolve({ code, stdout, stderr })),
    );
  }
});

describe("a process that ends", () => {
  it.each([
    ["SIGTERM", 70],
    ["SIGKILL", undefined],
  ] as const)("by %s has counted what it should", async (signal, exactly) => {
    const patwarden = await startPatwarden({ config: { usage: { flush_interval: "1s", last_use: false } } });
    const sql = postgres(patwarden.databaseUrl, { max: 1 });
    const counted = async (): Promise<number> => {
      const [row] = await sql`select coalesce(sum(count), 0)::int as count from usage`;
      return row?.["count"];
    };
    try {
      const { port } = patwarden;
      for (let call = 0; call < 50; call++) await ask(port, patwarden.alice);
      await expect.poll(counted, soon).toBe(50);
      for (let call = 0; call < 20; call++) await ask(port, patwarden.alice);
      await patwarden.server.stop(signal);
      // A kill loses at most the decisions of the last interval, and bills none twice.
      const told = await counted();
      if (exactly !== undefined) expect(told).toBe(exactly);
      expect(told).toBeGreaterThanOrEqual(50);
      expect(told).toBeLessThanOrEqual(70);
      // LU-3: turned off.
      expect(await sql`select from last_use`).toHaveLength(0);
    } finally {
      await sql.end();
      await patwarden.stop();
    }
  });
});
