import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { track } from "../kit/children.js";
import { createClock, haveClock, noClock, type TestClock } from "../kit/clock.js";
import type { Port } from "../kit/ports.js";
import { havePostgres, noPostgres, startPostgres, type TestPostgres } from "../kit/postgres.js";
import { type Replica, type Replicas, startReplicas } from "../kit/replicas.js";
import { migrate, startServer } from "../kit/server.js";

if (!haveClock()) process.stderr.write(`${noClock}\n`);
if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);
const able = haveClock() && havePostgres();

const steps = [-3_600_000, -10_000, -800, 800, 10_000, 3_600_000];

describe.skipIf(!able)("the kit's clock", () => {
  let clock: TestClock;
  let database: TestPostgres;
  beforeAll(async () => {
    clock = createClock();
    database = await startPostgres({}, { clock });
  });
  afterAll(async () => {
    await database?.stop();
    clock?.remove();
  });

  it("moves the wall clock of a running process and leaves its monotonic clock alone", async () => {
    const script = `
      process.stdin.on("data", () => console.log(JSON.stringify({ wall: Date.now(), monotonic: performance.now() })));`;
    const child = track(
      spawn(process.execPath, ["-e", script], { env: clock.env, stdio: ["pipe", "pipe", "inherit"] }),
    );
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const read = async (): Promise<{ readonly wall: number; readonly monotonic: number }> => {
      child.stdin.write("\n");
      const { value } = await lines.next();
      return JSON.parse(value); // the script's line
    };
    await read();
    for (const ms of steps) {
      clock.reset();
      const monotonicFrom = performance.now();
      const before = await read();
      clock.step(ms);
      const from = Date.now();
      const after = await read();
      expect(after.wall - ms).toBeGreaterThanOrEqual(from - 1);
      expect(after.wall - ms).toBeLessThanOrEqual(Date.now() + 1);
      expect(after.monotonic).toBeGreaterThan(before.monotonic);
      expect(after.monotonic - before.monotonic).toBeLessThan(performance.now() - monotonicFrom + 1);
    }
    child.stdin.end();
  });

  it("moves the wall clock of a running PostgreSQL, in every session", async () => {
    const sql = postgres(database.url, { max: 1 });
    const read = async (): Promise<number> => {
      const [row] = await sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`;
      return Number(row?.["ms"]);
    };
    await read();
    for (const ms of steps) {
      clock.reset();
      clock.step(ms);
      const from = Date.now();
      const theirs = (await read()) - ms;
      expect(theirs).toBeGreaterThanOrEqual(from - 1);
      expect(theirs).toBeLessThanOrEqual(Date.now() + 1);
    }
    await sql.end();
  });
});

const { check } = AuthorizationService.method;
const { createToken, revokeToken, revokeSecret, suspendToken, updateToken, rotateToken, revokeTokens } =
  TokenService.method;

interface Issued {
  readonly id: string;
  readonly secret: string;
  readonly secretId: string;
  readonly subject: string;
}

async function issue(port: Port, over: { readonly ttlSeconds?: number } = {}): Promise<Issued> {
  const subject = `user:${randomUUID()}`;
  const lifetime =
    over.ttlSeconds === undefined
      ? {}
      : { lifetime: { case: "ttl" as const, value: durationFromMs(over.ttlSeconds * 1_000) } };
  const reply = await port.call(createToken, { subject, name: "n", grant: { full: true }, ...lifetime });
  if (!reply.ok) throw new Error(`${reply.code} ${reply.reason}`);
  const { token, secret } = reply.value;
  return { id: token?.id ?? "", secret, secretId: token?.secrets[0]?.id ?? "", subject };
}

async function ask(replica: Replica, { secret }: Issued): Promise<Reason | string> {
  const question = { token: secret, resource: "document:open", action: "viewer" };
  const reply = await replica.port().call(check, question, { timeoutMs: 5_000 });
  return reply.ok ? reply.value.reason : (reply.reason ?? reply.code);
}

/**
 * Rotates a token. After a step back of the database's clock, a rotation may be regarded as concurrent with the last
 * one (ARCHITECTURE, Clocks): it is refused, and repeated.
 */
async function rotate(port: Port, { id }: Issued, graceMs = 0) {
  for (let attempt = 1; ; attempt++) {
    const reply = await port.call(rotateToken, { id, grace: durationFromMs(graceMs) });
    if (reply.ok || reply.metadata["state"] !== "ROTATED" || attempt === 20) return reply;
    await sleep(100);
  }
}

const graceful = (port: Port, token: Issued) => rotate(port, token, 3_600_000);

/** Every call that takes effect at once; `prepare` runs before the clock is stepped. */
const takings: Readonly<
  Record<
    string,
    {
      readonly prepare?: (port: Port, token: Issued) => Promise<unknown>;
      readonly take: (port: Port, token: Issued) => Promise<{ readonly ok: boolean }>;
      readonly says: Reason;
    }
  >
> = {
  revoke: { take: (port, { id }) => port.call(revokeToken, { id }), says: Reason.TOKEN_REVOKED },
  suspend: { take: (port, { id }) => port.call(suspendToken, { id }), says: Reason.TOKEN_SUSPENDED },
  rotate: { take: (port, token) => rotate(port, token), says: Reason.TOKEN_SUPERSEDED },
  "rotate the second time within a grace": {
    prepare: graceful,
    take: graceful,
    says: Reason.TOKEN_SUPERSEDED,
  },
  "revoke the secret": {
    prepare: graceful,
    take: (port, { id, secretId }) => port.call(revokeSecret, { tokenId: id, secretId }),
    says: Reason.TOKEN_SUPERSEDED,
  },
  "end at once": {
    take: (port, { id }) =>
      port.call(updateToken, {
        token: { id, expireTime: timestampFromMs(0) },
        updateMask: { paths: ["expire_time"] },
      }),
    says: Reason.TOKEN_EXPIRED,
  },
  disable: {
    take: (port, { subject }) => port.call(SubjectService.method.disableSubject, { subject }),
    says: Reason.SUBJECT_DISABLED,
  },
  "revoke all": {
    take: (port, { subject }) => port.call(revokeTokens, { target: { case: "subject", value: subject } }),
    says: Reason.TOKEN_REVOKED,
  },
};

describe.skipIf(!able)("revoked means revoked, whatever clocks are set to", { timeout: 90_000 }, () => {
  const leaseMs = 2_000;
  let databaseClock: TestClock;
  let clocks: readonly [TestClock, TestClock];
  let database: TestPostgres;
  let replicas: Replicas;
  let one: Replica;
  let other: Replica;
  beforeAll(async () => {
    databaseClock = createClock();
    clocks = [createClock(), createClock()];
    database = await startPostgres({}, { clock: databaseClock });
    await migrate(database.url);
    replicas = await startReplicas(["2s", "3s"], undefined, { database, clocks });
    [one, other] = replicas.all as [Replica, Replica];
  });
  afterAll(async () => {
    await replicas?.stop();
    for (const clock of [databaseClock, ...(clocks ?? [])]) clock?.remove();
  });

  /** Returns the state of `/readyz`, and the gRPC health of the process and of AuthorizationService. */
  async function statuses(replica: Replica): Promise<readonly boolean[]> {
    const response = await fetch(`${replica.server().http}/readyz`);
    const services = ["", AuthorizationService.typeName];
    const replies = await Promise.all(services.map((service) => replica.port().call(Health.method.check, { service })));
    return [response.ok, ...replies.map((reply) => reply.ok && reply.value.status === Status.SERVING)];
  }
  const settled = { timeout: 20_000, interval: 50 };
  const becomes = (replica: Replica, serving: boolean) =>
    expect.poll(() => statuses(replica), settled).toEqual([serving, serving, serving]);

  /** Waits until the replica serves cached records, with its lease. */
  async function leased(replica: Replica): Promise<void> {
    await becomes(replica, true);
    const token = await issue(one.port());
    const hits = async (): Promise<number> => {
      await ask(replica, token);
      const text = await (await fetch(`http://${replica.server().metrics}/metrics`)).text();
      return Number(/^patwarden_token_cache_hits (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    const before = await hits();
    await expect.poll(hits, settled).toBeGreaterThan(before);
  }

  /** Makes one token for each of these calls, which both replicas have allowed. */
  async function prepared(): Promise<ReadonlyMap<string, Issued>> {
    const entries = Object.entries(takings).map(async ([name, { prepare }]): Promise<[string, Issued]> => {
      const token = await issue(one.port());
      await prepare?.(one.port(), token);
      for (const replica of [one, other]) expect(await ask(replica, token)).toBe(Reason.ALLOWED);
      return [name, token];
    });
    return new Map(await Promise.all(entries));
  }

  /** Makes all these calls on one replica, then asks the other at once, and returns its answer for each token. */
  async function takenAway(by: Replica, asked: Replica, tokens: ReadonlyMap<string, Issued>) {
    const said = [...tokens].map(async ([name, token]): Promise<[string, Reason | string]> => {
      const reply = await takings[name]?.take(by.port(), token);
      return [name, reply?.ok ? await ask(asked, token) : "not taken"];
    });
    return Object.fromEntries(await Promise.all(said));
  }
  const refusals = Object.fromEntries(Object.entries(takings).map(([name, { says }]) => [name, says]));
  const unavailable = Object.fromEntries(Object.keys(takings).map((name) => [name, "DATABASE_UNAVAILABLE"]));

  it.each([-800, 800])("S3 a secret that was rotated out, and all else, by a clock that is %d ms off", async (ms) => {
    await leased(other);
    clocks[1].step(ms);
    for (const [by, asked] of [
      [one, other],
      [other, one],
    ] as const) {
      const tokens = await prepared();
      expect(await takenAway(by, asked, tokens)).toEqual(refusals);
    }
    expect(await statuses(other)).toEqual([true, true, true]);
    clocks[1].reset();
  });

  it.each([-3_600_000, -10_000, 10_000, 3_600_000])(
    "S3 S27 a replica whose clock is set %d ms off allows nothing that was taken away or has expired, and is not serving",
    async (ms) => {
      await leased(other);
      const tokens = await prepared();
      const expired = await issue(one.port(), { ttlSeconds: 1 });
      await expect.poll(() => ask(one, expired), settled).toBe(Reason.TOKEN_EXPIRED);
      const good = await issue(one.port());
      clocks[1].step(ms);
      const heard = [await ask(other, expired)];
      const said = await takenAway(one, other, tokens);
      for (const [name, reason] of Object.entries(said))
        expect([refusals[name], "DATABASE_UNAVAILABLE"]).toContain(reason);
      await expect
        .poll(async () => {
          heard.push(await ask(other, expired));
          return statuses(other);
        }, settled)
        .toEqual([false, false, false]);
      expect(heard).not.toContain(Reason.ALLOWED);
      // Neither allowed nor denied: the holder of a usable token must not read that it has ended.
      expect(await ask(other, good)).toBe("DATABASE_UNAVAILABLE");
      expect(await statuses(one)).toEqual([true, true, true]);
      const line = other
        .server()
        .log()
        .split("\n")
        .find((entry) => entry.includes("the clocks of this machine"));
      expect(JSON.parse(line ?? "{}")).toMatchObject({
        msg: "unhealthy: clock",
        here: expect.stringMatching(/^\d{4}-.*Z$/),
        database: expect.stringMatching(/^\d{4}-.*Z$/),
      });
      // Calls that end a token still work.
      expect(await other.port().call(revokeToken, { id: good.id })).toMatchObject({ ok: true });
      expect(await ask(one, good)).toBe(Reason.TOKEN_REVOKED);
      clocks[1].reset();
      await becomes(other, true);
    },
  );

  // Backward first: after a step forward, replicas have no lease for ten minutes unless they are restarted.
  it.each([-800, -10_000, -3_600_000, 800, 10_000, 3_600_000])(
    "S4 a database whose clock is set %d ms off while a replica is cut off: a revocation waits for that replica's lease",
    async (ms) => {
      if (ms > 0) await other.kill();
      await leased(other);
      const tokens = await prepared();
      other.database.stall();
      other.listen.stall();
      databaseClock.step(ms);
      const taken = new Set<string>();
      const heardMeanwhile = (async () => {
        const wrong = new Set<string>();
        let allowed = 0;
        // Until a round that began after all calls had returned.
        for (let last = false; !last; ) {
          last = taken.size === tokens.size;
          const asking = [...tokens].map(async ([name, token]) => {
            const after = taken.has(name);
            if ((await ask(other, token)) !== Reason.ALLOWED) return;
            allowed++;
            if (after) wrong.add(name);
          });
          await Promise.all(asking);
        }
        return { wrong: [...wrong], allowed };
      })();
      const taking = [...tokens].map(async ([name, token]) => {
        expect(await takings[name]?.take(one.port(), token), name).toMatchObject({ ok: true });
        taken.add(name);
      });
      await Promise.all(taking);
      const { wrong, allowed } = await heardMeanwhile;
      expect(wrong).toEqual([]);
      expect(allowed).toBeGreaterThan(0);
      other.database.heal();
      other.listen.heal();
      // All replicas see the wrong clock of the database: they must agree on which tokens have expired.
      if (Math.abs(ms) > 1_000) for (const replica of [one, other]) await becomes(replica, false);
      const heard = await Promise.all([...tokens].map(async ([name, token]) => [name, await ask(one, token)]));
      expect(Object.fromEntries(heard)).toEqual(Math.abs(ms) > 1_000 ? unavailable : refusals);
      // The machines' clocks follow, and everything agrees again.
      for (const clock of clocks) clock.step(ms);
      for (const replica of [one, other]) await becomes(replica, true);
      expect(await takenAway(one, other, await prepared())).toEqual(refusals);
    },
  );

  it("leaves no registration of what is gone, or has failed to start", async () => {
    const sql = postgres(database.url, { max: 1 });
    const { openfga } = replicas;
    const registered = () => sql`select replica_id from replica_lease order by replica_id`;
    const before = await registered();
    await expect(
      startServer({
        databaseUrl: database.url,
        openfga: { ...openfga, addresses: [openfga.grpc] },
        config: { http: { listen: new URL(one.server().http).host } },
      }),
    ).rejects.toThrow("EADDRINUSE");
    expect(await registered()).toEqual(before);
    const count = async (): Promise<number> => {
      const token = await issue(one.port());
      await one.port().call(revokeToken, { id: token.id });
      return (await registered()).length;
    };
    // Two that serve; those that were killed are removed when a revoker has waited for their leases.
    await expect.poll(count, { ...settled, interval: leaseMs / 4 }).toBe(2);
    await sql.end();
  });
});
