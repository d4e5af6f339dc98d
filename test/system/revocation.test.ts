import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { Port } from "../kit/ports.js";
import { type Replica, type Replicas, startReplicas } from "../kit/replicas.js";

const { check } = AuthorizationService.method;
const { createToken, revokeToken, suspendToken, updateToken, rotateToken, revokeTokens } = TokenService.method;
const { disableSubject, deleteSubject } = SubjectService.method;
const { updatePolicy } = PolicyService.method;

interface Issued {
  readonly id: string;
  readonly secret: string;
  readonly subject: string;
  readonly organization: string;
}

async function issue(port: Port, over: { subject?: string; organization?: string } = {}): Promise<Issued> {
  const subject = over.subject ?? `user:${randomUUID()}`;
  const organization = over.organization ?? "";
  const reply = await port.call(createToken, { subject, organization, name: "n", grant: { full: true } });
  if (!reply.ok) throw new Error(`${reply.code} ${reply.reason}`);
  return { id: reply.value.token?.id ?? "", secret: reply.value.secret, subject, organization };
}

const ask = async (port: Port, token: string, timeoutMs = 5_000): Promise<Reason | string> => {
  const reply = await port.call(check, { token, resource: "document:open", action: "viewer" }, { timeoutMs });
  return reply.ok ? reply.value.reason : (reply.reason ?? reply.code);
};

/** Every call that ends a token or reduces its rights; each returns whether it succeeded. */
const takings: Readonly<Record<string, (port: Port, token: Issued) => Promise<boolean>>> = {
  revoke: async (port, { id }) => (await port.call(revokeToken, { id })).ok,
  suspend: async (port, { id }) => (await port.call(suspendToken, { id })).ok,
  narrow: async (port, { id }) =>
    (await port.call(updateToken, { token: { id, grant: {} }, updateMask: { paths: ["grant"] } })).ok,
  rotate: async (port, { id }) => (await port.call(rotateToken, { id })).ok,
  disable: async (port, { subject }) => (await port.call(disableSubject, { subject })).ok,
  delete: async (port, { subject }) => (await port.call(deleteSubject, { subject })).ok,
  revokeAll: async (port, { subject }) =>
    (await port.call(revokeTokens, { target: { case: "subject", value: subject } })).ok,
  revokeIds: async (port, { id }) =>
    (await port.call(revokeTokens, { target: { case: "ids", value: { ids: [id] } } })).ok,
  revokeFilter: async (port, { subject }) =>
    (await port.call(revokeTokens, { target: { case: "filter", value: { subject } }, expectedCount: 1 })).ok,
};

const usable = (reason: Reason | string): boolean => reason === Reason.ALLOWED;

/** Makes the replica cache the token. */
async function warm(replica: Replica, { secret }: Issued): Promise<void> {
  for (let round = 0; round < 2; round++) expect(await ask(replica.port(), secret)).toBe(Reason.ALLOWED);
}

/** Waits until the replica has a new lease and cache: earlier answers prove nothing. */
async function leased({ port, server }: Replica): Promise<void> {
  const token = await issue(port());
  const hits = async (): Promise<number> => {
    const text = await (await fetch(`http://${server().metrics}/metrics`)).text();
    return Number(/^patwarden_token_cache_hits (\d+)$/m.exec(text)?.[1] ?? 0);
  };
  const before = await hits();
  const hitsNow = async (): Promise<number> => {
    await ask(port(), token.secret);
    return hits();
  };
  await expect.poll(hitsNow, { timeout: 20_000 }).toBeGreaterThan(before);
}

/**
 * LP-1: revokes on one replica while another has the token cached and gets no notifications; returns the later answers
 * of that one.
 */
async function revokedElsewhere({ all: [one, other] }: Replicas): Promise<readonly (Reason | string)[]> {
  if (!one || !other) throw new Error("two replicas are needed");
  await Promise.all([leased(one), leased(other)]);
  other.listen.cut();
  const heard: (Reason | string)[] = [];
  for (let round = 0; round < 5; round++) {
    const token = await issue(one.port());
    await warm(other, token);
    expect(await takings["revoke"]?.(one.port(), token)).toBe(true);
    heard.push(await ask(other.port(), token.secret));
  }
  other.listen.heal();
  return heard;
}

/** LP-14: holds the answer to a lookup while the token is revoked; returns the answer of a later Check. */
async function revokedDuringFill({ all: [one, other] }: Replicas): Promise<Reason | string> {
  if (!one || !other) throw new Error("two replicas are needed");
  await Promise.all([leased(one), leased(other)]);
  const token = await issue(one.port());
  // The digest that is looked up: the parameter of the statement.
  other.database.hold('{"\\\\x');
  const early = ask(other.port(), token.secret);
  await expect.poll(() => other.database.holds(), { interval: 5 }).toBe(true);
  expect(await takings["revoke"]?.(one.port(), token)).toBe(true);
  other.database.release();
  // It began before the revocation, so either answer is valid.
  await early;
  return ask(other.port(), token.secret);
}

describe("a step of the protocol left out", () => {
  it("no wait: the test of revoked elsewhere catches it", { timeout: 60_000 }, async () => {
    const replicas = await startReplicas(["5s", "5s"], "no-wait");
    try {
      expect(await revokedElsewhere(replicas)).toContain(Reason.ALLOWED);
    } finally {
      await replicas.stop();
    }
  });

  it("fills stored unchecked: the test of revoked during a fill catches it", { timeout: 60_000 }, async () => {
    const replicas = await startReplicas(["5s", "5s"], "fills-unchecked");
    try {
      expect(await revokedDuringFill(replicas)).toBe(Reason.ALLOWED);
    } finally {
      await replicas.stop();
    }
  });
});

describe("revoked means revoked, on every replica", () => {
  let replicas: Replicas;
  beforeAll(async () => {
    replicas = await startReplicas(["1s", "2s", "0s"]);
  }, 60_000);
  afterAll(() => replicas.stop(), 60_000);

  const some = (): Replica => {
    const replica = replicas.all[randomInt(replicas.all.length)];
    if (!replica) throw new Error("no replica");
    return replica;
  };

  it("RV-1 RV-4 while another replica has the token cached and hears no hints", { timeout: 60_000 }, async () => {
    expect(await revokedElsewhere(replicas)).toEqual(Array(5).fill(Reason.TOKEN_REVOKED));
  });

  it("LP-14 while the answer to a look-up is on its way", { timeout: 60_000 }, async () => {
    expect(await revokedDuringFill(replicas)).toBe(Reason.TOKEN_REVOKED);
  });

  it.each(Object.keys(takings))("RV-3 RV-6 by %s, from each replica to each", async (how) => {
    for (const from of replicas.all) {
      const tokens = await Promise.all(replicas.all.map(() => issue(from.port())));
      await Promise.all(replicas.all.map((to, index) => warm(to, tokens[index] as Issued)));
      for (const [index, to] of replicas.all.entries()) {
        const token = tokens[index] as Issued;
        expect(await takings[how]?.(from.port(), token)).toBe(true);
        expect(usable(await ask(to.port(), token.secret)), how).toBe(false);
      }
    }
  });

  it("by a stricter policy, and works again when it is relaxed", async () => {
    const [one, other] = replicas.all as [Replica, Replica];
    const organization = `organization:${randomUUID()}`;
    const token = await issue(one.port(), { subject: organization });
    await replicas.openfga.admin.writeTuples(replicas.openfga.storeId, [
      { user: organization, relation: "viewer", object: "document:open" },
    ]);
    await warm(other, token);
    const set = (blockAll: boolean) =>
      one
        .port()
        .call(updatePolicy, { policy: { scope: organization, blockAll }, updateMask: { paths: ["block_all"] } });
    expect(await set(true)).toMatchObject({ ok: true });
    expect(await ask(other.port(), token.secret)).toBe(Reason.POLICY);
    expect(await set(false)).toMatchObject({ ok: true });
    expect(await ask(other.port(), token.secret)).toBe(Reason.ALLOWED);
  });

  it("LP-11 when the replica stood still over the revocation", { timeout: 60_000 }, async () => {
    const [one, other] = replicas.all as [Replica, Replica];
    const token = await issue(one.port());
    await warm(other, token);
    const frozen = other.freeze(4_000);
    const revoked = takings["revoke"]?.(one.port(), token);
    expect(await revoked).toBe(true);
    await frozen;
    // After the freeze, it may first have to reconnect.
    expect(usable(await ask(other.port(), token.secret))).toBe(false);
    await expect.poll(() => ask(other.port(), token.secret), { timeout: 20_000 }).toBe(Reason.TOKEN_REVOKED);
  });

  it("LP-10 a deadline that is too short is reported, and only a repeat that has also waited reports success", async () => {
    const [one, other] = replicas.all as [Replica, Replica];
    // The test before may have ended its registration, and no revoker waits for a replica without one.
    await leased(other);
    const token = await issue(one.port());
    await warm(other, token);
    // It can neither get the notification nor acknowledge.
    other.database.stall();
    const early = await one.port().call(revokeToken, { id: token.id }, { timeoutMs: 200 });
    expect(early).toMatchObject({ ok: false });
    if (!early.ok) expect(["REVOCATION_PENDING", "DEADLINE_EXCEEDED", undefined]).toContain(early.reason);
    expect(await one.port().call(revokeToken, { id: token.id })).toMatchObject({ ok: true });
    expect(usable(await ask(other.port(), token.secret))).toBe(false);
    other.database.heal();
  });

  it("S23 deadlines that are over before a lease are answered with REVOCATION_PENDING", async () => {
    const [one, other] = replicas.all as [Replica, Replica];
    await leased(other);
    // With the fault, the answer to one of them depends on a race between two timers.
    const tokens = await Promise.all(Array.from({ length: 12 }, () => issue(one.port())));
    await Promise.all(tokens.map((token) => warm(other, token)));
    const http = one.server().port("HTTP");
    const revoke = ({ id, subject }: Issued, index: number, timeoutMs = 60_000) => {
      const [byId, byFilter] = [{ ids: [id] }, { subject }];
      const targets = [
        { case: "ids", value: byId },
        { case: "filter", value: byFilter },
      ] as const;
      const target = targets[index % 3];
      // A repeat has the same expected number.
      return target
        ? http.call(revokeTokens, { target, expectedCount: 1 }, { timeoutMs })
        : http.call(revokeToken, { id }, { timeoutMs });
    };
    other.server().child.kill("SIGSTOP");
    // Over HTTP, where only the server knows the deadline: a busy client's own deadline would end the call first.
    const early = await Promise.all(tokens.map((token, index) => revoke(token, index, 1_100 + 13 * index)));
    other.server().child.kill("SIGCONT");
    const told = early.map((reply) => (reply.ok ? "OK" : reply.reason));
    expect(told).toEqual(tokens.map(() => "REVOCATION_PENDING"));
    for (const [index, token] of tokens.entries()) {
      expect(await revoke(token, index)).toMatchObject({ ok: true });
      expect(usable(await ask(other.port(), token.secret))).toBe(false);
    }
  });

  it("an outage of the database has no effect for the time of a lease and no longer", { timeout: 60_000 }, async () => {
    const [one] = replicas.all as [Replica];
    const token = await issue(one.port());
    await leased(one);
    await warm(one, token);
    one.database.cut();
    expect(await ask(one.port(), token.secret)).toBe(Reason.ALLOWED);
    await expect.poll(() => ask(one.port(), token.secret), { timeout: 10_000 }).toBe("DATABASE_UNAVAILABLE");
    one.database.heal();
    await expect.poll(() => ask(one.port(), token.secret), { timeout: 10_000 }).toBe(Reason.ALLOWED);
  });

  it("whatever happens to processes and connections meanwhile", { timeout: 180_000 }, async () => {
    const startedAt = Date.now();
    interface Life {
      readonly token: Issued;
      readonly createdAt: number;
      takenFrom?: number;
      takenBy?: number;
    }
    const lives: Life[] = [];
    const wrong: string[] = [];
    const counts = { allowed: 0, refused: 0, failed: 0, taken: 0 };
    // Until enough has happened for a meaningful result, however slow the machine is.
    const running = (): boolean => {
      const seconds = (Date.now() - startedAt) / 1_000;
      const enough = counts.taken > 40 && counts.allowed > 300 && counts.refused > 300;
      return seconds < 25 || (!enough && seconds < 120);
    };

    async function lead(): Promise<void> {
      while (running()) {
        const token = await issue(some().port()).catch(() => undefined);
        if (!token) continue;
        const life: Life = { token, createdAt: performance.now() };
        lives.push(life);
        await sleep(randomInt(400));
        life.takenFrom = performance.now();
        const names = Object.keys(takings);
        let how = names[randomInt(names.length)] ?? "revoke";
        while (!(await takings[how]?.(some().port(), token).catch(() => false))) {
          // The result of the call is not known: revoking makes it certain.
          how = "revoke";
          if (Date.now() > startedAt + 150_000) return;
          await sleep(50);
        }
        life.takenBy = performance.now();
        counts.taken++;
      }
    }

    async function use(): Promise<void> {
      while (running()) {
        const life = lives[lives.length - 1 - randomInt(Math.min(lives.length, 12) || 1)];
        if (!life) {
          await sleep(10);
          continue;
        }
        const began = performance.now();
        const takenBefore = life.takenBy !== undefined && life.takenBy < began;
        // There is no channel to a process that was just replaced.
        const reason = await ask(some().port(), life.token.secret, 3_000).catch(() => "GONE");
        const answered = typeof reason === "number";
        if (!answered) counts.failed++;
        else if (usable(reason)) counts.allowed++;
        else counts.refused++;
        if (takenBefore && usable(reason)) wrong.push(`allowed after it was taken away: ${life.token.id}`);
        const untouched = life.takenFrom === undefined || life.takenFrom > performance.now();
        if (answered && !usable(reason) && began > life.createdAt && untouched) {
          wrong.push(`${String(reason)} though nothing was taken away: ${life.token.id}`);
        }
      }
    }

    async function disturb(): Promise<void> {
      const faults: readonly ((replica: Replica) => Promise<void>)[] = [
        (replica) => replica.freeze(randomInt(300, 3_000)),
        (replica) => replica.kill(),
        async (replica) => {
          replica.database.cut();
          await sleep(randomInt(100, 2_500));
          replica.database.heal();
        },
        async (replica) => {
          replica.database.stall();
          await sleep(randomInt(100, 3_000));
          replica.database.heal();
        },
        async (replica) => {
          if (randomInt(2)) replica.listen.stall();
          else replica.listen.cut();
          await sleep(randomInt(500, 2_000));
          replica.listen.heal();
        },
        async () => {
          for (const { database } of replicas.all) database.stall();
          await sleep(randomInt(500, 1_500));
          for (const { database } of replicas.all) database.heal();
        },
      ];
      for (let round = 0; running(); round++) {
        await faults[round % faults.length]?.(some());
        await sleep(randomInt(300));
      }
    }

    await Promise.all([disturb(), ...Array.from({ length: 4 }, lead), ...Array.from({ length: 8 }, use)]);
    expect(wrong).toEqual([]);
    expect(counts.taken).toBeGreaterThan(40);
    expect(counts.allowed).toBeGreaterThan(300);
    expect(counts.refused).toBeGreaterThan(300);
  });
});
