import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller, Permission } from "../src/callers/caller.js";
import { Rights } from "../src/callers/rights.js";
import { judge } from "../src/check/token-rules.js";
import { type Database, openPostgres } from "../src/database/database.js";
import { createPolicyStore } from "../src/database/policy.js";
import { createSubjectStore } from "../src/database/subject.js";
import { createTokenStore } from "../src/database/token.js";
import { newAuditEvent } from "../src/domain/audit-event.js";
import { Failure } from "../src/domain/errors.js";
import { etagOf } from "../src/domain/etag.js";
import type { ActionName, ResourceName, SubjectName } from "../src/domain/identifier.js";
import { secretIdFromUuid, toUuid } from "../src/domain/ids.js";
import { PepperRing } from "../src/domain/pepper.js";
import type { AuthorizationModel, PermissionChecker } from "../src/domain/permission-checker.js";
import { noPolicy } from "../src/domain/policy.js";
import { hintOf, parseSecret } from "../src/domain/secret.js";
import { currentSecret } from "../src/domain/token.js";
import type { TokenSnapshot } from "../src/domain/token-store.js";
import { approveToken, denyToken } from "../src/manage/approve-token.js";
import { createToken } from "../src/manage/create-token.js";
import { revokeSecret } from "../src/manage/revoke-secret.js";
import { revokeToken } from "../src/manage/revoke-token.js";
import { rotateToken } from "../src/manage/rotate-token.js";
import { deleteSubject, disableSubject, enableSubject } from "../src/manage/subjects.js";
import { resumeToken, suspendToken } from "../src/manage/suspend-token.js";
import { updateToken } from "../src/manage/update-token.js";
import { engines, type Opened } from "./kit/engines.js";
import { addressOf, createTestDatabase, havePostgres } from "./kit/postgres.js";
import { startProxy, through } from "./kit/proxy.js";
import type { Followed, Strike } from "./kit/transactions.js";

const service = (name: string, ...permissions: Permission[]): Caller => ({
  kind: "service",
  name,
  permissions: new Set<Permission>(permissions),
});
const maker = service("maker", "tokens.impersonate", "tokens.revoke", "tokens.read");
const approver = service("approver", "tokens.approve", "tokens.read");
const admin = service("admin", "admin");

/** OpenFGA decides nothing here except people's rights on organizations. */
const nobody: PermissionChecker = {
  check: async (questions) => questions.map(() => false),
};
// For a full grant nothing else of the model is needed.
const model = { admits: () => true, types: new Set() } as unknown as AuthorizationModel;

/** The expected state of a token, by the simplest reading of the rules. Time does not pass. */
interface Model {
  revoked: boolean;
  approval: "none" | "pending" | "approved" | "denied";
  suspended: boolean;
  subject: "ACTIVE" | "DISABLED" | "DELETED";
  /** Secrets that are still usable, oldest first. */
  live: string[];
  dead: string[];
}

const commands = [
  "rotate",
  "rotateWithGrace",
  "revokeOldSecret",
  "suspend",
  "resume",
  "approve",
  "deny",
  "revoke",
  "narrow",
  "widen",
  "disable",
  "enable",
  "delete",
] as const;
type Command = (typeof commands)[number];

const ended = (state: Model): boolean => state.revoked || state.approval === "denied";

/** Returns the state after a command, or the reason of its refusal. */
function predict(state: Model, command: Command): string | undefined {
  switch (command) {
    case "rotate":
    case "rotateWithGrace":
    case "suspend":
    case "resume":
    case "narrow":
    case "widen":
      return ended(state) ? "STATE_CONFLICT" : undefined;
    case "approve":
      return ended(state) || state.approval === "none" ? "STATE_CONFLICT" : undefined;
    case "deny":
      if (state.approval === "denied") return undefined;
      return state.revoked || state.approval !== "pending" ? "STATE_CONFLICT" : undefined;
    case "disable":
      return state.subject === "DELETED" ? "SUBJECT_STATE" : undefined;
    default:
      return undefined;
  }
}

/** A strike beyond the statements of the transaction does not happen. */
const strikes: fc.Arbitrary<Strike> = fc.record({
  statement: fc.nat({ max: 11 }),
  when: fc.constantFrom("asked", "answered"),
  fault: fc.constant("cut"),
});

function apply(state: Model, command: Command, secret: string | undefined): void {
  switch (command) {
    case "rotate":
      state.dead.push(...state.live);
      state.live = secret ? [secret] : [];
      break;
    case "rotateWithGrace":
      if (secret) state.live.push(secret);
      while (state.live.length > 2) state.dead.push(state.live.shift() ?? "");
      break;
    case "revokeOldSecret":
      if (state.live.length > 1) state.dead.push(state.live.shift() ?? "");
      break;
    case "suspend":
      state.suspended = true;
      break;
    case "resume":
      state.suspended = false;
      break;
    case "approve":
      if (state.approval === "pending") state.approval = "approved";
      break;
    case "deny":
      state.approval = "denied";
      break;
    case "widen":
      state.approval = "pending";
      break;
    case "revoke":
      state.revoked = true;
      break;
    case "disable":
      state.subject = "DISABLED";
      break;
    case "enable":
      state.subject = "ACTIVE";
      break;
    case "delete":
      state.subject = "DELETED";
      state.revoked = true;
  }
}

function reasonOf(state: Model, secret: string): string {
  if (ended(state)) return "TOKEN_REVOKED";
  if (state.dead.includes(secret)) return "TOKEN_SUPERSEDED";
  if (state.suspended) return "TOKEN_SUSPENDED";
  if (state.approval === "pending") return "TOKEN_PENDING_APPROVAL";
  return state.subject === "DISABLED" ? "SUBJECT_DISABLED" : "FOR_OPENFGA";
}

interface Engine {
  readonly name: string;
  readonly available: boolean;
  /** `lose`: the next transactions with these keys in their parameters are struck; earlier plans are dropped. */
  open(): Promise<Opened & { readonly lose?: (keys: readonly string[], strike?: Strike) => void }>;
}

const lossy: Engine = {
  name: "PostgreSQL whose connections are cut between the statements of a change",
  available: havePostgres(),
  async open() {
    const created = await createTestDatabase();
    const proxy = await startProxy(new URL(created.url).host, { postgres: {} });
    const database = openPostgres({
      address: addressOf(through(created.url, proxy)),
      maxConnections: 5,
      prepare: true,
    });
    let followed: readonly Followed[] = [];
    return {
      database,
      lose(keys, strike) {
        for (const earlier of followed) earlier.end();
        followed = keys.map((key) => proxy.follow(key, strike));
      },
      async close() {
        await database.close();
        await proxy.close();
        await created.stop();
      },
    };
  },
};

describe.each([...engines, lossy])("the state machine on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Awaited<ReturnType<Engine["open"]>>;
    let world: ReturnType<typeof build>;
    let count = 0;

    function build(database: Database) {
      const store = createTokenStore(database);
      const peppers = new PepperRing("pw", [{ version: 1, key: Buffer.alloc(32, 1), active: true }]);
      const clock = { now: () => new Date("2026-01-01T00:00:00Z") };
      const rights = new Rights({ permissions: nobody, relations: {} as never });
      const options = {
        store,
        peppers,
        clock,
        rights,
        model: () => model,
        permissions: nobody,
        requestKeys: peppers.deriveKeys("requests"),
        defaultLifetimeMs: 3_600_000,
        memberRelation: "member" as ActionName,
        subjectTypes: { user: "user", organization: "organization" },
        subjects: createSubjectStore(database),
      };
      return { ...options, policies: createPolicyStore(database) };
    }

    beforeAll(async () => {
      opened = await open();
      await opened.database.migrate();
      world = build(opened.database);
      await world.policies.change("organization", world.clock.now(), () => ({
        policy: { ...noPolicy, requireApproval: true },
        event: newAuditEvent({ time: world.clock.now(), actor: "service:test", action: "policy.changed" }),
      }));
    });
    afterAll(() => opened.close());

    async function start() {
      const subject = `organization:state-${count++}` as SubjectName;
      const { snapshot, secret } = await createToken(world, maker, {
        subject: { name: subject, kind: "organization" },
        organization: undefined,
        name: "n",
        description: "",
        justification: "",
        grant: { kind: "full" },
        lifetime: { kind: "default" },
        notBefore: undefined,
        allowedCidrs: ["10.0.0.0/8"],
        metadata: {},
        claims: {},
        selfRotate: false,
        validateOnly: false,
        request: undefined,
      });
      return { id: snapshot.token.id, subject, secret };
    }
    type Started = Awaited<ReturnType<typeof start>>;

    /**
     * Runs a command for real, and again when its connection was lost. Returns the new secret if there is one, or the
     * reason of the refusal.
     */
    async function run({ id, subject }: Started, command: Command): Promise<{ secret?: string; refused?: string }> {
      const current = await world.store.get(id);
      if (!current) throw new Error("the token is gone");
      const update = (allowedCidrs: readonly string[]) =>
        updateToken(world, maker, { id, update: { allowedCidrs }, etag: "", validateOnly: false });
      const rotate = (graceMs: number) =>
        rotateToken(world, maker, id, { graceMs, lifetime: { kind: "default" }, etag: "", request });
      const request = { caller: "service:maker", requestId: randomUUID(), fingerprint: Buffer.alloc(32) };
      const old = current.token.secrets.filter(({ retireTime }) => retireTime && retireTime > world.clock.now()).at(-1);
      const steps: Record<Command, () => Promise<unknown>> = {
        rotate: () => rotate(0),
        rotateWithGrace: () => rotate(60_000),
        revokeOldSecret: async () => old && revokeSecret(world, maker, id, old.id),
        suspend: () => suspendToken(world, maker, id, ""),
        resume: () => resumeToken(world, maker, id, ""),
        approve: () => approveToken(world, approver, id, { etag: etagOf(current.token), comment: "" }),
        deny: () => denyToken(world, approver, id, ""),
        revoke: () => revokeToken(world, maker, id, "REQUESTED"),
        narrow: () => update(["10.1.0.0/16"]),
        widen: () =>
          update(["10.0.0.0/8", "192.0.2.0/24"]).then(() =>
            update(["10.0.0.0/8"]).then(() => update(["10.0.0.0/8", "198.51.100.0/24"])),
          ),
        disable: () => disableSubject(world, admin, subject),
        enable: () => enableSubject(world, admin, subject),
        delete: () => deleteSubject(world, admin, subject),
      };
      for (;;) {
        try {
          const result = await steps[command]();
          const secret = result && typeof result === "object" && "secret" in result ? String(result.secret) : undefined;
          return secret ? { secret } : {};
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          const lost = error.reason === "DATABASE_UNAVAILABLE" || error.reason === "OUTCOME_UNKNOWN";
          if (!opened.lose || !lost) return { refused: error.reason };
        }
      }
    }

    /** Returns the decision by a clock that is ahead of ours by `aheadMs`. */
    async function judged(secret: string, aheadMs = 0): Promise<string> {
      const parsed = parseSecret(secret, "pw");
      const recognized = parsed && world.peppers.recognize(parsed);
      const [resolved] = recognized ? (await world.store.resolve([recognized.digest])).tokens : [];
      if (!resolved) return "TOKEN_UNKNOWN";
      const attempt = {
        action: "viewer" as ActionName,
        resource: "document:1" as ResourceName,
        clientAddress: undefined,
      };
      // Networks are not tested here.
      return judge({ ...resolved, allowedCidrs: [] }, attempt, world.clock.now().getTime() + aheadMs) ?? "FOR_OPENFGA";
    }

    it("does what the model says, for any commands in any order", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...commands), strikes), { maxLength: 14 }), async (acts) => {
          const started = await start();
          const sequence = acts.map(([command]) => command);
          const state: Model = {
            revoked: false,
            approval: "pending",
            suspended: false,
            subject: "ACTIVE",
            live: [started.secret],
            dead: [],
          };
          for (const [command, strike] of acts) {
            const expected = predict(state, command);
            opened.lose?.([toUuid(started.id), started.subject], strike);
            const { secret, refused } = await run(started, command);
            opened.lose?.([]);
            expect(refused, command).toBe(expected);
            if (expected === undefined) apply(state, command, secret);
            for (const text of [...state.live, ...state.dead]) {
              expect(await judged(text), `${command} after ${sequence.join()}`).toBe(reasonOf(state, text));
            }
            // S3: a secret that has ended is also refused by a replica whose clock is an hour behind.
            for (const text of state.dead) expect(await judged(text, -3_600_000), command).not.toBe("FOR_OPENFGA");
          }
        }),
        { numRuns: opened.lose ? 20 : 60 },
      );
    }, 120_000);

    it("keeps its promises when everything happens at once", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...commands), { minLength: 4, maxLength: 10 }), async (together) => {
          const started = await start();
          const outcomes = await Promise.all(together.map((command) => run(started, command)));
          const after: TokenSnapshot | undefined = await world.store.get(started.id);
          if (!after) throw new Error("the token is gone");
          const { token, subjects } = after;
          const accepted = new Set(together.filter((_, index) => outcomes[index]?.refused === undefined));
          // A successful end stays, no matter which command was faster; nothing clears a revocation or a denial.
          expect(token.revocation !== undefined).toBe(accepted.has("revoke") || accepted.has("delete"));
          if (accepted.has("deny")) expect(token.approval?.state).toBe("denied");
          // At most two secrets are usable, and the newest is the current one.
          const now = world.clock.now();
          const live = token.secrets.filter(({ retireTime }) => !retireTime || retireTime > now);
          expect(live.length).toBeLessThanOrEqual(2);
          expect(token.secrets.filter(({ retireTime }) => !retireTime)).toEqual([currentSecret(token)]);
          expect(token.secrets[0]).toEqual(currentSecret(token));
          // Every secret that was shown belongs to the token.
          const shown = [started.secret, ...outcomes.flatMap(({ secret }) => secret ?? [])];
          expect(token.secrets.length).toBe(Math.min(shown.length, 7));
          for (const text of shown) {
            const verdict = await judged(text);
            if (token.revocation || token.approval?.state === "denied") expect(verdict).toBe("TOKEN_REVOKED");
            else if (subjects.subject.state === "DISABLED") expect(verdict).not.toBe("FOR_OPENFGA");
          }
        }),
        { numRuns: available ? 40 : 0 },
      );
    }, 120_000);

    it("S17 one of twenty rotations that begin at once wins", async () => {
      const { id } = await start();
      const rotation = { graceMs: 0, lifetime: { kind: "default" }, etag: "", request: undefined } as const;
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () =>
          rotateToken(world, maker, id, rotation).then(
            () => "rotated",
            (error: unknown) => (error instanceof Failure ? error.reason : error),
          ),
        ),
      );
      expect(outcomes.sort()).toEqual([...Array.from({ length: 19 }, () => "STATE_CONFLICT"), "rotated"]);
      expect((await world.store.get(id))?.token.secrets).toHaveLength(2);
      await rotateToken(world, maker, id, rotation);
    });

    it("S17 one of two rotations that begin at once on two replicas wins", async () => {
      const { id } = await start();
      const rotation = { graceMs: 0, lifetime: { kind: "default" }, etag: "", request: undefined } as const;
      const store: typeof world.store = {
        ...world.store,
        async change(...change) {
          // This rotation has seen the token. The other one finishes before this one writes.
          await rotateToken(world, maker, id, rotation);
          return world.store.change(...change);
        },
      };
      await expect(rotateToken({ ...world, store }, maker, id, rotation)).rejects.toMatchObject({
        reason: "STATE_CONFLICT",
        metadata: { state: "ROTATED" },
      });
      expect((await world.store.get(id))?.token.secrets).toHaveLength(2);
    });

    it("S17 a rotation that reads the token only after a concurrent one has finished is late", async () => {
      const { id } = await start();
      const rotation = { graceMs: 0, lifetime: { kind: "default" }, etag: "", request: undefined } as const;
      const first = rotateToken(world, maker, id, rotation);
      const get: typeof world.store.get = (...asked) => first.then(() => world.store.get(...asked));
      const late = rotateToken({ ...world, store: { ...world.store, get } }, maker, id, rotation);
      await expect(late).rejects.toMatchObject({ reason: "STATE_CONFLICT", metadata: { state: "ROTATED" } });
      expect((await first).snapshot.token.secrets).toHaveLength(2);
      expect((await world.store.get(id))?.token.secrets).toHaveLength(2);
      // A rotation that begins after the other has returned is not late.
      await rotateToken(world, maker, id, rotation);
      expect((await world.store.get(id))?.token.secrets).toHaveLength(3);
    });

    it("S3 the last of two secrets stays, whatever its maker's clock showed", async () => {
      const { id, secret: first } = await start();
      let made = 0;
      /** Replicas whose clocks are far behind, each further than the one before: their time begins an id. */
      const store: typeof world.store = {
        ...world.store,
        change: (token, decide) =>
          world.store.change(token, (current) => {
            const change = decide(current);
            if (!change?.newSecret) return change;
            const uuid = `018${9 - made++}${randomUUID().slice(4, 14)}7${randomUUID().slice(15)}`;
            return { ...change, newSecret: { ...change.newSecret, id: secretIdFromUuid(uuid) } };
          }),
      };
      const rotation = { graceMs: 600_000, lifetime: { kind: "default" }, etag: "", request: undefined } as const;
      const { secret: second } = await rotateToken({ ...world, store }, maker, id, rotation);
      const { secret: third, snapshot } = await rotateToken({ ...world, store }, maker, id, rotation);
      expect(snapshot.token.secrets[0]).toEqual(currentSecret(snapshot.token));
      const living = snapshot.token.secrets.filter(({ ended }) => !ended).map(({ hint }) => hint);
      expect(living).toEqual([third, second].map(hintOf));
      expect(living).not.toContain(hintOf(first));
    });

    it("S17 a database clock that was set back blocks no rotation", async () => {
      const { id } = await start();
      const rotation = { graceMs: 0, lifetime: { kind: "default" }, etag: "", request: undefined } as const;
      const store: typeof world.store = {
        ...world.store,
        change: (token, decide) =>
          world.store.change(token, (current) => decide({ ...current, secretStoredMs: performance.now() + 3_600_000 })),
      };
      await rotateToken({ ...world, store }, maker, id, rotation);
      expect((await world.store.get(id))?.token.secrets).toHaveLength(2);
    });

    it("a token made while its subject is being deleted is either refused or revoked", async () => {
      for (let round = 0; round < 20; round++) {
        const { subject } = await start();
        const created = createToken(world, maker, {
          subject: { name: subject, kind: "organization" },
          organization: undefined,
          name: "n",
          description: "",
          justification: "",
          grant: { kind: "full" },
          lifetime: { kind: "default" },
          notBefore: undefined,
          allowedCidrs: [],
          metadata: {},
          claims: {},
          selfRotate: false,
          validateOnly: false,
          request: undefined,
        }).catch((error: unknown) => error);
        const [outcome] = await Promise.all([created, deleteSubject(world, admin, subject)]);
        if (outcome instanceof Failure) expect(outcome.reason).toBe("SUBJECT_STATE");
        else if (outcome instanceof Error) throw outcome;
        else expect(await judged((outcome as { secret: string }).secret)).toBe("TOKEN_REVOKED");
      }
    });
  });
});
