import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { type Token, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { tokenIdFromUuid, toUuid } from "../../src/domain/ids.js";
import type { TokenId } from "../../src/domain/token.js";
import { type Authority, createAuthority, loopback } from "../kit/authority.js";
import { openTestStore, type TestOpenFga } from "../kit/openfga.js";
import { createMigratedDatabase, havePostgres, noPostgres, overTls, type TestDatabase } from "../kit/postgres.js";
import { type FaultProxy, startProxy, through } from "../kit/proxy.js";
import { sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey, type Server, startServer } from "../kit/server.js";
import type { Fault, Strike } from "../kit/transactions.js";

// A replica is lost in the middle of a change: its connection is cut, freezes, or loses its messages, between any two
// statements, with and without TLS. Other replicas still work, the change is there as a whole or not at all, and a
// repeat completes it. PATWARDEN_TEST_EXHAUSTIVE=1 tries every case, which takes about half an hour; otherwise
// PATWARDEN_TEST_SEED chooses, and is printed.

const exhaustive = process.env["PATWARDEN_TEST_EXHAUSTIVE"] === "1";
const seed = Number(process.env["PATWARDEN_TEST_SEED"] ?? randomInt(2 ** 31));
if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

const leaseMs = 1_000;
/** A session that is idle in a transaction ends after 5 s; callers that wait for its locks retry. */
const lockLimitMs = 7_000;
/** Additional time for a busy machine. */
const slackMs = 8_000;
const callTimeoutMs = 4_000;

const { createToken, updateToken, rotateToken, revokeSecret, revokeToken, suspendToken, resumeToken } =
  TokenService.method;
const { approveToken, denyToken, revokeTokens } = TokenService.method;
const { disableSubject, enableSubject, deleteSubject } = SubjectService.method;
const { updatePolicy } = PolicyService.method;

const keys = { approver: newKey(), edge: newKey() };

interface Outcome {
  readonly ok: boolean;
  /** The reason of the failure, or else its code or status. */
  readonly why: string;
}

type Call = (server: Server) => Promise<Outcome>;

/** A change that is about to be made, to objects of its own. */
interface Planned {
  readonly subject: string;
  /** In the parameters of its transaction's first statement. */
  readonly key: string;
  readonly run: Call;
}

function rpc<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  key?: string,
): Call {
  return async (server) => {
    const settings = { timeoutMs: callTimeoutMs, ...(key !== undefined && { key }) };
    const reply = await server.port("gRPC").call(method, request, settings);
    return reply.ok ? { ok: true, why: "" } : { ok: false, why: reply.reason ?? reply.code };
  };
}

/** Makes a call of an integration. The integration does not know how long its caller waits. */
function integration(
  target: string,
  headers: readonly (readonly [string, string])[],
  body: string,
  port: "http" | "publicHttp",
): Call {
  return async (server) => {
    const sent = sendRaw(server[port], { method: "POST", target, headers, body }).then(({ status }) => String(status));
    const why = await Promise.race([sent, sleep(callTimeoutMs, "DEADLINE_EXCEEDED")]);
    return { ok: why.startsWith("2"), why };
  };
}

const retryable = new Set([
  ...["DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN", "REVOCATION_PENDING", "OPENFGA_UNAVAILABLE", "OVERLOADED"],
  ...["DEADLINE_EXCEEDED", "UNAVAILABLE", "429", "503"],
]);

/** Repeats a call until it is answered, as callers do. */
async function insist(call: Call, server: Server, what: string): Promise<void> {
  for (const begin = performance.now(); ; await sleep(20)) {
    const { ok, why } = await call(server);
    if (ok) return;
    if (!retryable.has(why)) throw new Error(`${what} failed with ${why}`);
    if (performance.now() - begin > leaseMs + lockLimitMs + slackMs)
      throw new Error(`${what} did not go through within ${lockLimitMs + slackMs} ms: ${why}`);
  }
}

const full = { grant: { full: true } };

/** Issues a token through the replica that has no faults. */
async function issue(other: Server, over: object = {}): Promise<{ readonly token: Token; readonly secret: string }> {
  const request = { subject: `user:${randomUUID()}`, name: "n", ...full, ...over };
  for (;;) {
    const reply = await other.port("gRPC").call(createToken, request);
    if (reply.ok && reply.value.token) return { token: reply.value.token, secret: reply.value.secret };
    if (!reply.ok && !retryable.has(reply.reason ?? reply.code)) throw new Error(JSON.stringify(reply));
  }
}

const uuidOf = ({ id }: Pick<Token, "id">): string => toUuid(id as TokenId); // the server has made it

/** A change of one token. */
const toToken =
  (call: (token: Token, secret: string) => Call, over: object = {}) =>
  async (other: Server): Promise<Planned> => {
    const { token, secret } = await issue(other, over);
    return { subject: token.subject, key: uuidOf(token), run: call(token, secret) };
  };

/** A change of a subject with two tokens. */
const toSubject =
  (call: (subject: string) => Call, before?: (subject: string) => Call) =>
  async (other: Server): Promise<Planned> => {
    const { token } = await issue(other);
    const { subject } = token;
    await issue(other, { subject });
    if (before) await insist(before(subject), other, "what comes before");
    return { subject, key: subject, run: call(subject) };
  };

/** A change of a token that waits for its approval. */
const toPending =
  (call: (token: Token) => Call) =>
  async (other: Server): Promise<Planned> => {
    const subject = `organization:${randomUUID()}`;
    const policy = { scope: subject, requireApproval: true };
    await insist(rpc(updatePolicy, { policy, updateMask: { paths: ["require_approval"] } }), other, "UpdatePolicy");
    const { token } = await issue(other, { subject });
    return { subject, key: uuidOf(token), run: call(token) };
  };

const json = ["Content-Type", "application/json"] as const;
const form = ["Content-Type", "application/x-www-form-urlencoded"] as const;
const issuer = "https://patwarden.example.com";

const changes: Readonly<Record<string, (other: Server) => Promise<Planned>>> = {
  CreateToken: async () => {
    const subject = `user:${randomUUID()}`;
    const run = rpc(createToken, { subject, name: "n", ...full, requestId: randomUUID() });
    return { subject, key: subject, run };
  },
  UpdateToken: toToken(({ id }) =>
    rpc(updateToken, { token: { id, name: "another" }, updateMask: { paths: ["name"] } }),
  ),
  RotateToken: toToken(({ id }) => rpc(rotateToken, { id, grace: { seconds: 600n }, requestId: randomUUID() })),
  RevokeSecret: async (other) => {
    const { token } = await issue(other);
    const { id, subject } = token;
    await insist(rpc(rotateToken, { id, grace: { seconds: 600n }, requestId: randomUUID() }), other, "RotateToken");
    const run = rpc(revokeSecret, { tokenId: id, secretId: token.secrets[0]?.id ?? "" });
    return { subject, key: uuidOf(token), run };
  },
  RevokeToken: toToken(({ id }) => rpc(revokeToken, { id })),
  SuspendToken: toToken(({ id }) => rpc(suspendToken, { id })),
  ResumeToken: async (other) => {
    const { token } = await issue(other);
    const { id, subject } = token;
    await insist(rpc(suspendToken, { id }), other, "SuspendToken");
    return { subject, key: uuidOf(token), run: rpc(resumeToken, { id }) };
  },
  ApproveToken: toPending(({ id, etag }) => rpc(approveToken, { id, etag }, keys.approver)),
  DenyToken: toPending(({ id }) => rpc(denyToken, { id }, keys.approver)),
  RevokeTokens: toSubject((subject) => rpc(revokeTokens, { target: { case: "subject", value: subject } })),
  "RevokeTokens of ids": toToken(({ id }) => rpc(revokeTokens, { target: { case: "ids", value: { ids: [id] } } })),
  "RevokeTokens of a filter": toSubject((subject) =>
    rpc(revokeTokens, { target: { case: "filter", value: { subject } }, expectedCount: 2 }),
  ),
  DisableSubject: toSubject((subject) => rpc(disableSubject, { subject })),
  EnableSubject: toSubject(
    (subject) => rpc(enableSubject, { subject }),
    (subject) => rpc(disableSubject, { subject }),
  ),
  DeleteSubject: toSubject((subject) => rpc(deleteSubject, { subject })),
  UpdatePolicy: async () => {
    const scope = `organization:${randomUUID()}`;
    const policy = { scope, blockAll: true };
    return { subject: scope, key: scope, run: rpc(updatePolicy, { policy, updateMask: { paths: ["block_all"] } }) };
  },
  "a leak reported": toToken((_token, secret) => {
    // 60 an hour are accepted from one address.
    const from = ["X-Forwarded-For", `203.0.${randomInt(256)}.${randomInt(256)}`] as const;
    return integration("/report-leak", [json, from], JSON.stringify({ credentials: [secret] }), "publicHttp");
  }),
  "an exchange": toToken((_token, secret) => {
    const basic = ["Authorization", `Basic ${Buffer.from(`edge:${keys.edge}`).toString("base64")}`] as const;
    const asked = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: secret,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      audience: "api",
    });
    return integration("/oauth2/token", [form, basic], asked.toString(), "http");
  }),
};
const names = Object.keys(changes);

/** The statements and effects of one change without faults. */
interface Course {
  readonly statements: readonly string[];
  readonly before: string;
  readonly after: string;
}

interface Case {
  readonly name: string;
  readonly strike: Strike;
  readonly victim: Victim;
}

/** A replica whose connection to the database has faults. */
interface Victim {
  readonly transport: string;
  readonly server: Server;
  readonly proxy: FaultProxy;
}

describe.skipIf(!havePostgres())("a replica that is lost in the middle of a change", () => {
  let authority: Authority;
  let database: TestDatabase;
  let openfga: TestOpenFga;
  let sql: postgres.Sql;
  /** Has its own connection to the database, without faults. */
  let other: Server;
  let victims: readonly Victim[] = [];
  const courses = new Map<string, Course>();

  beforeAll(async () => {
    process.stderr.write(`lost in the middle: ${exhaustive ? "everything" : `PATWARDEN_TEST_SEED=${seed}`}\n`);
    authority = createAuthority();
    [database, openfga] = await Promise.all([createMigratedDatabase(), openTestStore()]);
    sql = postgres(database.url, { max: 4, onnotice: () => undefined });
    await sql.unsafe(
      `alter database ${new URL(database.url).pathname.slice(1)} set idle_in_transaction_session_timeout = '5s'; alter database ${new URL(database.url).pathname.slice(1)} set statement_timeout = '5s'`,
    );
    const startOne = (url: string) =>
      startServer({
        databaseUrl: url,
        openfga: { ...openfga, addresses: [openfga.grpc] },
        callers: [
          { name: "approver", key_sha256: [hashOf(keys.approver)], permissions: ["tokens.approve", "tokens.read"] },
          { name: "edge", key_sha256: [hashOf(keys.edge)], permissions: ["tokens.exchange"] },
        ],
        config: {
          // Without prepared statements each one is parsed before it is executed: there is one more place for a fault.
          database: { url, listen_url: database.url, max_connections: 8, prepare: false },
          token_cache: { lease: `${leaseMs}ms` },
          public_http: { listen: "127.0.0.1:0", trusted_proxies: ["127.0.0.0/8"] },
          integrations: { oauth: { enabled: true, issuer, exchange: { audiences: ["api"] } }, leaks: { report: true } },
        },
      });
    other = await startOne(database.url);
    victims = await Promise.all(
      ["without TLS", "over TLS"].map(async (transport) => {
        const secured = transport === "over TLS";
        const postgresOf = secured ? { identity: authority.issue(loopback, "server") } : {};
        const proxy = await startProxy(new URL(database.url).host, { postgres: postgresOf });
        const url = through(database.url, proxy);
        return { transport, proxy, server: await startOne(secured ? overTls(url) : url) };
      }),
    );
    // The first call may come before OpenFGA's model was read.
    await insist((await planned("CreateToken")).run, other, "CreateToken");
    for (const name of names) courses.set(name, await runUndisturbed(name));
  });
  afterAll(async () => {
    await Promise.all([other, ...victims.map(({ server }) => server)].map((server) => server?.stop()));
    await Promise.all([openfga?.stop(), ...victims.map(({ proxy }) => proxy.close())]);
    await sql?.end();
    await database?.stop();
    authority?.remove();
  });

  const planned = (name: string): Promise<Planned> => {
    const plan = changes[name];
    if (!plan) throw new Error(`no change ${name}`);
    return plan(other);
  };

  /**
   * Describes every committed row that a change may touch, in a form that two runs share: random values are left out.
   */
  async function picture({ subject }: Planned): Promise<string> {
    const tokens = sql`select id from token where subject = ${subject}`;
    const ofSubject = sql`(token_id in (${tokens}) or subject = ${subject} or details::text like ${`%${subject}%`})`;
    // Tokens are named by their ids, which are not the UUIDs of their rows.
    const ids = (await sql`select id from token where subject = ${subject}`).map(({ id }) => tokenIdFromUuid(id));
    const named = sql`key in ${sql([subject, ...ids])}`;
    const [row] = await sql`
      select json_build_object(
        'token', (select json_agg(t order by id) from token t where subject = ${subject}),
        'secrets', (select json_agg(s order by id) from token_secret s where token_id in (${tokens})),
        'subject', (select json_agg(s) from subject s where name = ${subject}),
        'policy', (select json_agg(p) from policy p where scope = ${subject}),
        'requests', (select json_agg(r) from request r where token_id in (${tokens})),
        'residual', (select json_agg(r) from token_residual r where token_id in (${tokens})),
        'leaks', (select json_agg(source) from leaked_token where token_id in (${tokens})),
        'events', (select json_agg(e order by id) from audit_event e where ${ofSubject}),
        'epochs', (select count(distinct epoch) from revocation_change where ${named})
      ) as rows`;
    return JSON.stringify(row?.["rows"], (_name, value) =>
      typeof value !== "string" || /^[A-Za-z]+([._:][A-Za-z]+)*$/.test(value) ? value : "…",
    );
  }

  async function runUndisturbed(name: string): Promise<Course> {
    const [victim] = victims;
    if (!victim) throw new Error("no victim");
    const plan = await planned(name);
    const before = await picture(plan);
    const followed = victim.proxy.follow(plan.key);
    await insist(plan.run, victim.server, name);
    return { statements: [...followed.statements], before, after: await picture(plan) };
  }

  /** Returns what was wrong; empty when everything was right. */
  async function lose({ name, strike, victim }: Case): Promise<readonly string[]> {
    const course = courses.get(name);
    if (!course) throw new Error(`no course of ${name}`);
    const { statement, when, fault } = strike;
    const text = (course.statements[statement] ?? "").trim().replace(/\s+/g, " ").slice(0, 60);
    const what = `${name}, ${fault} ${victim.transport}, ${when} ${statement} ${text}`;
    const wrong: string[] = [];
    try {
      // A fault of another change may cut the connection before this change reaches the place.
      for (let attempt = 1; !(await loseOnce(name, course, strike, victim, wrong)); attempt++)
        if (attempt === 10) throw new Error("the fault never strikes");
    } catch (error) {
      wrong.push(error instanceof Error ? error.message : String(error));
    }
    return wrong.map((line) => `${what}: ${line}`);
  }

  /** Returns whether the fault has happened. */
  async function loseOnce(name: string, course: Course, strike: Strike, victim: Victim, wrong: string[]) {
    const [plan, bystander] = await Promise.all([planned(name), issue(other)]);
    const followed = victim.proxy.follow(plan.key, strike);
    try {
      const { ok, why } = await plan.run(victim.server);
      if (!ok && !retryable.has(why)) wrong.push(`failed with ${why}`);
      if (!followed.struck) {
        if (ok) throw new Error("it went through without the fault");
        return false;
      }
      await insist(rpc(revokeToken, { id: bystander.token.id }), other, "a revocation of another token");
      const early = await picture(plan);
      // It needs the same rows: after this, nothing holds them any more.
      await insist(plan.run, other, "a repeat");
      if (early !== course.before && early !== course.after) wrong.push(`half of it is there: ${early}`);
      const stored = early === course.after;
      if (ok && !stored) wrong.push("it returned and is not there");
      if (why === "DATABASE_UNAVAILABLE" && stored) wrong.push("it is there, and was said not to be");
      if (why === "REVOCATION_PENDING" && !stored) wrong.push("it is not there, and was said to be");
      const settled = await picture(plan);
      if (settled !== course.after) wrong.push(`a repeat leaves ${settled}\n instead of ${course.after}`);
      return true;
    } finally {
      followed.end();
    }
  }

  async function loseAll(cases: readonly Case[], atOnce: number): Promise<void> {
    expect(cases.length).toBeGreaterThan(0);
    const wrong: string[] = [];
    const left = [...cases];
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (let next = left.shift(); next; next = left.shift()) wrong.push(...(await lose(next)));
      }),
    );
    expect(wrong).toEqual([]);
  }

  type Point = Pick<Strike, "statement" | "when">;
  /** A transaction holds locks from its first row on; from the epoch's row on, every other change waits for it. */
  function pointsOf(name: string): { readonly own: readonly Point[]; readonly ofAll: readonly Point[] } {
    const { statements } = courses.get(name) ?? { statements: [] };
    const points = statements.flatMap((_, statement) => [
      { statement, when: "asked" as const },
      { statement, when: "answered" as const },
    ]);
    const epoch = statements.findIndex((text) => text.includes("revocation_epoch"));
    const last = statements.length - 1;
    const holds = ({ statement, when }: Point): boolean =>
      epoch !== -1 &&
      (statement > epoch || (statement === epoch && when === "answered")) &&
      !(statement === last && when === "answered");
    return { own: points.filter((point) => !holds(point)), ofAll: points.filter(holds) };
  }
  let drawn = 0;
  /** Chooses differently at every call. */
  function sample<T>(list: readonly T[], count: number): readonly T[] {
    if (exhaustive) return list;
    const length = Math.min(count, list.length);
    const chosen = fc.shuffledSubarray([...list], { minLength: length, maxLength: length });
    return fc.sample(chosen, { seed: seed + drawn++, numRuns: 1 })[0] ?? [];
  }
  const casesOf = (name: string, points: readonly Point[], faults: readonly Fault[]): readonly Case[] =>
    points.flatMap((point) =>
      faults.flatMap((fault) => victims.map((victim) => ({ name, strike: { ...point, fault }, victim }))),
    );

  it("has recorded the statements of every change", () => {
    for (const [name, { statements, before, after }] of courses) {
      expect([name, statements.at(-1)?.trim()]).toEqual([name, "commit"]);
      expect(statements.length).toBeGreaterThan(3);
      expect(before).not.toBe(after);
    }
  });

  it("counts one epoch more after each change of records that replicas may have cached", () => {
    const epochs = (rows: string): number => JSON.parse(rows).epochs;
    const silent = names.filter((name) => {
      const { before, after } = courses.get(name) ?? { before: "{}", after: "{}" };
      return epochs(after) !== epochs(before) + 1;
    });
    expect(silent).toEqual(["CreateToken", "an exchange"]);
  });

  it("S5 cut anywhere: others still work, all of it or nothing is there, and a repeat completes it", {
    timeout: 600_000,
  }, async () => {
    const cases = names.flatMap((name) => {
      const { own, ofAll } = pointsOf(name);
      return sample(casesOf(name, [...own, ...ofAll], ["cut"]), 5);
    });
    await loseAll(cases, 6);
  });

  it("S5 frozen or without its messages while it holds its own rows", { timeout: 1_200_000 }, async () => {
    const cases = names.flatMap((name) => sample(casesOf(name, pointsOf(name).own, ["freeze", "swallow"]), 2));
    await loseAll(cases, 8);
  });

  it("S5 frozen or without its messages while every other change waits for it", { timeout: 1_200_000 }, async () => {
    const cases = sample(
      names.flatMap((name) => casesOf(name, pointsOf(name).ofAll, ["freeze", "swallow"])),
      3,
    );
    await loseAll(cases, 1);
  });
});
