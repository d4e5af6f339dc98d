import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";
import { lastUse } from "../../src/database/last-use.js";
import { createPolicyStore, policy } from "../../src/database/policy.js";
import { createSubjectStore } from "../../src/database/subject.js";
import { subject } from "../../src/database/subject-table.js";
import { createTokenStore } from "../../src/database/token.js";
import { matching } from "../../src/database/token-conditions.js";
import { inOrder } from "../../src/database/token-order.js";
import { secretColumns, token, tokenColumns, tokenSecret } from "../../src/database/token-table.js";
import { newAuditEvent } from "../../src/domain/audit-event.js";
import type { ActionName, SubjectName } from "../../src/domain/identifier.js";
import { toUuid } from "../../src/domain/ids.js";
import { blockedBy, noPolicy, type Policy } from "../../src/domain/policy.js";
import { tokenState, usability } from "../../src/domain/state.js";
import { currentSecret, type TokenRecord } from "../../src/domain/token.js";
import type {
  ListedToken,
  TokenFilter,
  TokenOrder,
  TokenPosition,
  TokenSnapshot,
  TokenStore,
} from "../../src/domain/token-store.js";
import { engines, type Opened } from "../kit/engines.js";
import { secretRecord, testTime, tokenRecord } from "../kit/token.js";

const day = 86_400_000;
const now = testTime;
const inDays = (days: number): Date => new Date(now.getTime() + days * day);
const named = (name: string) => name as SubjectName;

/** A node of EXPLAIN (FORMAT JSON). */
interface PlanNode {
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Returns the plan, whichever driver returned it: one returns rows, the other a result with rows. */
function planOf(result: unknown): PlanNode {
  const { rows = result } = result as { readonly rows?: unknown };
  const [row] = rows as readonly { readonly "QUERY PLAN": readonly { readonly Plan: PlanNode }[] | string }[];
  const plan = row?.["QUERY PLAN"];
  const [first] = (typeof plan === "string" ? JSON.parse(plan) : plan) as readonly { readonly Plan: PlanNode }[];
  if (!first) throw new Error("no plan");
  return first.Plan;
}

describe.each(engines)("lists of tokens on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    let store: TokenStore;

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
      store = createTokenStore(database);
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const table of [tokenSecret, token, subject, lastUse, policy]) await database.orm.delete(table);
    });

    async function insert(records: readonly TokenRecord[], hint = "pw_pat_...abcd"): Promise<void> {
      await database.orm.insert(token).values(records.map(tokenColumns));
      const secrets = records.map((record) =>
        secretColumns(toUuid(record.id), {
          ...secretRecord({ hint, createTime: record.createTime }),
          digest: randomBytes(32),
        }),
      );
      await database.orm.insert(tokenSecret).values(secrets);
    }

    async function setPolicy(scope: string, over: Partial<Policy>): Promise<void> {
      const event = newAuditEvent({ time: now, actor: "service:test", action: "policy.changed" });
      await createPolicyStore(database).change(scope, now, () => ({ policy: { ...noPolicy, ...over }, event }));
    }

    async function listAll(
      filter: TokenFilter = {},
      order?: TokenOrder,
      size = 1000,
      between = async () => {},
    ): Promise<ListedToken[]> {
      const tokens: ListedToken[] = [];
      for (let after: TokenPosition | undefined; ; ) {
        const page = await store.list(filter, { size, ...(after && { after }), ...(order && { order }) }, now);
        tokens.push(...page.tokens);
        if (!page.more) return tokens;
        after = page.tokens.at(-1)?.position;
        await between();
      }
    }
    const namesOf = (tokens: readonly TokenSnapshot[]) => tokens.map((each) => each.token.name).sort();
    const found = async (filter: TokenFilter) => namesOf(await listAll(filter));

    /** Tokens in every state, of every kind and with every kind of end, of subjects in every state. */
    async function insertMatrix(): Promise<void> {
      const decision = { by: "user:bob", time: inDays(-1), comment: "" };
      const states: readonly Partial<TokenRecord>[] = [
        {},
        { notBefore: inDays(0.1) },
        { suspension: { ...decision, rank: "holder" } },
        { approval: { state: "pending" } },
        { approval: { state: "approved", ...decision } },
        { approval: { state: "denied", ...decision } },
        { revocation: { by: "user:bob", time: inDays(-1), reason: "LEAKED" } },
        { revocation: { by: "user:bob", time: inDays(-1), reason: "UNUSED" } },
      ];
      const ends: readonly Partial<TokenRecord>[] = [
        { expireTime: undefined },
        { expireTime: inDays(-1) },
        { expireTime: inDays(0.5), expired: true },
        { expireTime: inDays(3) },
        { expireTime: inDays(30) },
      ];
      const owners: readonly Partial<TokenRecord>[] = [
        { subject: named("user:alice") },
        { subject: named("user:alice"), organization: named("organization:acme") },
        { subject: named("user:alice"), organization: named("organization:disabled") },
        { subject: named("user:again"), generation: 1 },
        { subject: named("user:again"), generation: 2 },
        { kind: "oat", subject: named("organization:acme") },
        { kind: "oat", subject: named("organization:disabled") },
      ];
      const grants: readonly Partial<TokenRecord>[] = [
        { grant: { kind: "full" } },
        { grant: { kind: "rules", rules: [] } },
      ];
      const subjects = { "organization:disabled": ["DISABLED", 1], "user:again": ["ACTIVE", 2] } as const;
      await database.orm
        .insert(subject)
        .values(
          Object.entries(subjects).map(([name, [state, generation]]) => ({ name, state, generation, updatedAt: now })),
        );
      const records = owners.flatMap((owner) =>
        states.flatMap((state) =>
          ends.flatMap((end) =>
            grants.map((grant, index) =>
              tokenRecord({ createTime: inDays(-100 * index), ...owner, ...state, ...end, ...grant }),
            ),
          ),
        ),
      );
      await insert(records.filter(({ notBefore, expireTime }) => !notBefore || !expireTime || notBefore < expireTime));
    }

    const isBlocked = ({ token, subjects, policy }: TokenSnapshot): boolean => {
      const current = currentSecret(token);
      if (!current) throw new Error("every token has a secret");
      return usability(token, current, subjects, now) === "ALLOWED" && blockedBy(policy, token, current).length > 0;
    };

    it("TL-3 finds and counts what a policy blocks, exactly as Token.usable says", async () => {
      await insertMatrix();
      const all = await listAll();
      const a = ["viewer"] as readonly string[] as readonly ActionName[];
      const b = ["editor"] as readonly string[] as readonly ActionName[];
      const policies: readonly (readonly [scope: string, policy: Partial<Policy>])[][] = [
        [],
        [["user", { blockAll: true }]],
        [["organization", { requireExpiry: true }]],
        [["organization:acme", { maxLifetimeMs: 20 * day }]],
        [
          ["user", { maxLifetimeMs: 20 * day }],
          ["organization:acme", { maxLifetimeMs: 2 * day }],
        ],
        [
          ["user", { forbidFull: true }],
          ["organization:acme", { requireExpiry: true }],
        ],
        [["user", { requireOrganization: true }]],
        [
          ["user", { allowedActions: a }],
          ["organization:acme", { allowedActions: b }],
        ],
        [
          ["user", { allowedActions: a }],
          ["organization:acme", { allowedActions: [...a, ...b] }],
        ],
        [
          ["user", { allowedCidrs: ["192.0.2.0/24"] }],
          ["organization:acme", { allowedCidrs: ["2001:db8::/32"] }],
        ],
        [
          ["organization", { allowedCidrs: ["192.0.2.0/24"] }],
          ["organization:acme", { allowedCidrs: ["192.0.2.7/32"] }],
        ],
        [
          ["organization", { allowedCidrs: ["192.0.2.0/25"] }],
          ["organization:acme", { allowedCidrs: ["192.0.2.128/25"] }],
        ],
      ];
      const counts: number[] = [];
      for (const chosen of policies) {
        await database.orm.delete(policy);
        for (const [scope, over] of chosen) await setPolicy(scope, over);
        const listed = await listAll();
        const expected = listed.filter(isBlocked).map((each) => each.token.id);
        expect((await listAll({ blocked: true })).map((each) => each.token.id)).toEqual(expected);
        expect(await listAll({ blocked: false })).toHaveLength(all.length - expected.length);
        const { blocked } = await store.summarize({}, { expireBefore: inDays(7), unusedSince: inDays(-90) }, now);
        expect(blocked).toBe(expected.length);
        counts.push(expected.length);
      }
      // Each set of policies but the first and the harmless ones blocks something else.
      expect(counts.map((count) => count > 0)).toEqual([
        ...[false, true, true, true, true, true, true, true, false, true, false, true],
      ]);
    });

    it("filters by kind, binding, grant, end and reason, and counts in one statement what lists show", async () => {
      await insertMatrix();
      const used = await listAll({ full: true });
      await database.orm
        .insert(lastUse)
        .values(used.map((each) => ({ id: toUuid(each.token.id), usedAt: inDays(-2) })));
      const all = (await listAll()).map((each) => each.token);
      const size = async (filter: TokenFilter) => (await listAll(filter)).length;
      const count = (wanted: (token: TokenRecord) => boolean) => all.filter(wanted).length;
      expect(await size({ kind: "pat" })).toBe(count(({ kind }) => kind === "pat"));
      expect(await size({ bound: true })).toBe(count(({ organization }) => organization !== undefined));
      expect(await size({ bound: false, kind: "pat" })).toBe(
        count(({ organization, kind }) => organization === undefined && kind === "pat"),
      );
      expect(await size({ full: true })).toBe(count(({ grant }) => grant.kind === "full"));
      expect(await size({ full: false })).toBe(count(({ grant }) => grant.kind !== "full"));
      expect(await size({ neverExpires: true })).toBe(count(({ expireTime }) => expireTime === undefined));
      expect(await size({ neverExpires: false })).toBe(count(({ expireTime }) => expireTime !== undefined));
      expect(await size({ revocationReasons: ["LEAKED"] })).toBe(
        count(({ revocation }) => revocation?.reason === "LEAKED"),
      );
      expect(await size({ ids: all.slice(0, 3).map(({ id }) => id) })).toBe(3);
      expect(await size({ ids: [] })).toBe(0);

      let statements = 0;
      const counting: Database["scan"] = (read) =>
        database.scan((orm) =>
          read(
            new Proxy(orm, {
              get(target, name, receiver) {
                if (name === "select") statements++;
                return Reflect.get(target, name, receiver);
              },
            }),
          ),
        );
      const counter = createTokenStore({ ...database, orm: {} as typeof database.orm, scan: counting });
      const limits = { expireBefore: inDays(7), unusedSince: inDays(-90) };
      // Those with a full grant were used.
      const isUnused = ({ grant, createTime, notBefore, approval }: TokenRecord) =>
        grant.kind !== "full" &&
        [createTime, notBefore, approval?.state === "approved" ? approval.time : undefined].every(
          (time) => time === undefined || time < limits.unusedSince,
        );
      for (const filter of [
        {},
        { kind: "oat" },
        { organization: named("organization:acme") },
        { full: true },
      ] as const) {
        statements = 0;
        const counts = await counter.summarize(filter, limits, now);
        expect(statements).toBe(1);
        const tokens = (await listAll(filter)).map((each) => each.token);
        const inStates =
          (...states: readonly string[]) =>
          (each: TokenRecord) =>
            states.includes(tokenState(each, now));
        const live = tokens.filter(inStates("ACTIVE", "SUSPENDED", "PENDING_APPROVAL"));
        const states = ["ACTIVE", "PENDING_APPROVAL", "SUSPENDED", "EXPIRED", "REVOKED", "DENIED"] as const;
        expect(counts).toEqual({
          total: tokens.length,
          states: Object.fromEntries(states.map((state) => [state, tokens.filter(inStates(state)).length])),
          expiring: live.filter(({ expireTime }) => expireTime && expireTime > now && expireTime < inDays(7)).length,
          unused: live.filter(isUnused).length,
          neverExpires: live.filter(({ expireTime }) => !expireTime).length,
          blocked: 0,
          full: live.filter(({ grant }) => grant.kind === "full").length,
        });
      }
    });

    it("TL-2 finds text in any case, and reads no character of it as a wildcard", async () => {
      const texts = ["Zürich Ö-Straße", "100% _done_", "a.b*c[d](e)$^|\\", "plain", "x{2}y?z+"];
      const records = texts.map((name) => tokenRecord({ name, description: name === "plain" ? "Deploys ÄPFEL" : "" }));
      await insert(records);
      const [first] = records;
      for (const text of texts) expect(await found({ query: text })).toEqual([text]);
      for (const [query, expected] of [
        ["zÜRICH ö", ["Zürich Ö-Straße"]],
        ["STRAßE", ["Zürich Ö-Straße"]],
        ["DEPLOYS äpfel", ["plain"]],
        ["%", ["100% _done_"]],
        ["_", ["100% _done_"]],
        [".", ["a.b*c[d](e)$^|\\"]],
        ["\\", ["a.b*c[d](e)$^|\\"]],
        ["b*", ["a.b*c[d](e)$^|\\"]],
        ["[D]", ["a.b*c[d](e)$^|\\"]],
        ["X{2}", ["x{2}y?z+"]],
        ["xx", []],
        ["(?i)plain", []],
        ["***:plain", []],
        ["", texts.toSorted()],
      ] as const) {
        expect(await found({ query }), query).toEqual(expected);
      }
      if (!first) return;
      const id = first.id;
      for (const query of [id, id.toUpperCase(), id.slice(4), id.slice(0, 24), id.slice(20), id.slice(4, 24)]) {
        expect(await found({ query }), query).toEqual([first.name]);
      }
      // Too short for an id, not at its start, and no id at all.
      for (const query of [id.slice(25), `tok_${id.slice(20)}`, `${id}0`, `${id.slice(4)}u`]) {
        expect(await found({ query }), query).toEqual([]);
      }
    });

    it("finds ids by their beginning and end, and hints by their end", async () => {
      const records = Array.from({ length: 40 }, (_, index) => tokenRecord({ name: `n${index}` }));
      await insert(records.slice(1));
      await insert(records.slice(0, 1), "pw_pat_...x9Kq");
      for (const query of ["x9Kq", "X9KQ", "...x9Kq", "pw_pat_...x9Kq"]) expect(await found({ query })).toEqual(["n0"]);
      for (const query of ["9Kq", "pw_pat", "_pat", "xx9Kq"]) expect(await found({ query }), query).toEqual([]);
      for (const record of records)
        for (const [from, to] of [
          ...[6, 7, 8, 9, 10, 25].flatMap((length) => [
            [4, 4 + length],
            [30 - length, 30],
          ]),
          ...[
            [0, 5],
            [0, 17],
            [0, 30],
            [4, 30],
          ],
        ]) {
          const query = record.id.slice(from, to);
          const expected = records
            .filter(({ id }) => id.startsWith(query) || id.slice(4).startsWith(query) || id.endsWith(query))
            .map(({ name }) => name)
            .sort();
          expect(await found({ query }), query).toEqual(query.length < 6 ? [] : expected);
        }
      const [one] = records;
      for (const query of [one?.id.slice(9, 27) ?? "", `zzzzz${one?.id.slice(10)}`, "8zzzzz", "tok_zzzzzz"]) {
        expect(await found({ query }), query).toEqual([]);
      }
    });

    const orders = (["create_time", "expire_time", "last_use_time", "name"] as const).flatMap((by) => [
      { by, descending: false },
      { by, descending: true },
    ]);
    it.each(orders)("TL-1 pages by $by, descending $descending, each token once", async (order) => {
      const records = Array.from({ length: 60 }, (_, index) =>
        tokenRecord({
          name: ["Beta", "alpha", "beta", "Gamma", "Zoë's"][index % 5] ?? "",
          expireTime: index % 4 === 0 ? undefined : inDays(((index * 7) % 11) + 1),
        }),
      );
      await insert(records);
      const usedAt = new Map(
        records.flatMap(({ id }, index) => (index % 3 === 0 ? [] : [[id, inDays(-((index * 5) % 13))] as const])),
      );
      await database.orm.insert(lastUse).values([...usedAt].map(([id, at]) => ({ id: toUuid(id), usedAt: at })));
      const keyOf = ({ id, name, expireTime }: TokenRecord): number | string =>
        ({
          create_time: 0,
          expire_time: expireTime?.getTime() ?? Number.POSITIVE_INFINITY,
          last_use_time: usedAt.get(id)?.getTime() ?? Number.NEGATIVE_INFINITY,
          name: name.toLowerCase(),
        })[order.by];
      const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);
      const sorted = records.toSorted((a, b) => compare(keyOf(a), keyOf(b)) || compare(a.id, b.id));
      const expected = (order.descending ? sorted.reverse() : sorted).map(({ id }) => id);
      for (const size of [1, 7, 60, 61]) {
        expect(
          (await listAll({}, order, size)).map((each) => each.token.id),
          `${size}`,
        ).toEqual(expected);
      }

      // While other tokens change, appear and end, those that keep their place are neither lost nor listed twice.
      const moving = new Set(expected.filter((_, index) => index % 6 === 0));
      let left = [...moving];
      const seen = await listAll({}, order, 7, async () => {
        const ids = left.slice(0, 2).map(toUuid);
        left = left.slice(2);
        const own = sql`${token.id} = any(${`{${ids.join(",")}}`}::uuid[])`;
        await database.orm
          .update(token)
          .set({ name: "omega", expiresAt: inDays(400) })
          .where(own);
        await insert([tokenRecord({ name: "beta" })]);
      });
      const kept = (ids: readonly string[]) =>
        ids.filter((id) => expected.includes(id as never) && !moving.has(id as never));
      expect(kept(seen.map((each) => each.token.id))).toEqual(kept(expected));
    });

    it("TL-8 reads no row twice for a list of 10,000 tokens of an organization, whatever it selects or orders", async () => {
      await database.patient.execute(sql`
        insert into token (id, kind, subject, generation, organization, name, description, grant_rules, allowed_cidrs,
          metadata, claims, created_at, created_by, self_rotate, expires_at, revision)
        select gen_random_uuid(), 'pat', 'user:' || n, 1, 'organization:' || (n > 10000)::integer, 'token ' || n, '', '{"rules": []}',
          '{}', '{}', '{}', ${now.toISOString()}::timestamptz, 'user:' || n, false,
          ${now.toISOString()}::timestamptz + n % 90 * interval '1 day', 1
        from generate_series(1, 50000) n`);
      await database.patient.execute(sql`
        insert into subject (name, state, generation, updated_at)
        select 'user:' || n, 'ACTIVE', 1, 'epoch' from generate_series(1, 20000) n`);
      await database.patient.execute(sql`
        insert into token_secret (id, token_id, digest, pepper_version, hint, created_at)
        select gen_random_uuid(), id, sha256(id::text::bytea), 1, 'pw_pat_...' || right(id::text, 4), created_at
        from token`);
      await database.patient.execute(sql`insert into last_use select id, created_at from token`);
      await database.patient.execute(sql`analyze`);
      const organization = named("organization:0");
      /** Returns how many rows of each table were read. */
      async function rowsRead(filter: TokenFilter, order: TokenOrder): Promise<ReadonlyMap<string, number>> {
        const result = await database.patient.execute(sql`
          explain (analyze, format json) select * from ${token} left join ${lastUse} on ${lastUse.id} = ${token.id}
          where ${matching({ organization, ...filter }, now)} order by ${sql.join(inOrder(order), sql`, `)} limit 51`);
        const read = new Map<string, number>();
        const walk = (node: PlanNode): void => {
          const table = node["Relation Name"];
          const rows = node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0);
          if (table) read.set(table, (read.get(table) ?? 0) + rows * node["Actual Loops"]);
          for (const each of node.Plans ?? []) walk(each);
        };
        walk(planOf(result));
        return read;
      }
      const newest: TokenOrder = { by: "create_time", descending: true };
      const filters: readonly TokenFilter[] = [
        ...[{}, { query: "token 77" }, { query: "nothing" }, { query: "zzzzzz" }, { query: "tok_01h455vb" }],
        ...[{ query: "abcd" }, { full: true }, { unusedSince: inDays(-1) }, { blocked: true }],
      ];
      for (const filter of filters) {
        const read = await rowsRead(filter, newest);
        expect(read.get("token") ?? 0, JSON.stringify(filter)).toBeLessThanOrEqual(50_000);
        expect(read.get("token_secret") ?? 0, JSON.stringify(filter)).toBeLessThanOrEqual(filter.blocked ? 50_000 : 10);
      }
      for (const order of orders) {
        const read = await rowsRead({}, order);
        expect(read.get("token") ?? 0, order.by).toBeLessThanOrEqual(50_000);
        expect(read.get("last_use") ?? 0, order.by).toBeLessThanOrEqual(50_000);
      }
      /** Returns how many rows of all tables `run` reads. */
      async function readBy(run: (by: Database) => Promise<unknown>): Promise<number> {
        return database.scan((orm) =>
          orm.transaction(async (scan) => {
            const readSoFar = sql<string>`sum(seq_tup_read + idx_tup_fetch)`.mapWith(Number);
            const so = async () =>
              (await scan.select({ read: readSoFar }).from(sql`pg_stat_xact_user_tables`))[0]?.read ?? 0;
            const before = await so();
            await run({ ...database, scan: (read) => read(scan) });
            return (await so()) - before;
          }),
        );
      }
      for (const size of [50, 1000]) {
        const read = await readBy((by) => createSubjectStore(by).list({ prefix: "user:" }, { size }, now));
        expect(read, String(size)).toBeLessThanOrEqual(150_000);
      }
    });
  });
});
