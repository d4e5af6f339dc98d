import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { secretRecord, testTime, tokenRecord } from "../../test/kit/token.js";
import { authorize } from "../callers/authorize.js";
import type { ManagingCaller, Permission, ServiceCaller } from "../callers/caller.js";
import { methods } from "../callers/methods.js";
import { type Right, Rights } from "../callers/rights.js";
import { Failure } from "../domain/errors.js";
import { etagOf } from "../domain/etag.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import { newSecretId, newTokenId } from "../domain/ids.js";
import type { Lifetime } from "../domain/lifetime.js";
import { PepperRing } from "../domain/pepper.js";
import type { AuthorizationModel, Question } from "../domain/permission-checker.js";
import { noPolicy, type Policy } from "../domain/policy.js";
import { unmentionedSubject } from "../domain/subject-state.js";
import type { Rank, SecretRecord, TokenRecord } from "../domain/token.js";
import type { TokenChange, TokenSnapshot } from "../domain/token-store.js";
import { approveToken, denyToken } from "./approve-token.js";
import { type Operation, permittedOperations } from "./permitted-operations.js";
import { revokeSecret } from "./revoke-secret.js";
import { revokeToken } from "./revoke-token.js";
import { rotateToken } from "./rotate-token.js";
import { resumeToken, suspendToken } from "./suspend-token.js";
import { updateToken } from "./update-token.js";

/** Compares with what the methods do: each is called, on a copy of the token. */

const hour = 3_600_000;
const day = 24 * hour;
const now = testTime;
const at = (ms: number): Date => new Date(now.getTime() + ms);
const clock = { now: () => now, monotonicMs: () => 0 };
const alice = "user:alice" as SubjectName;
const acme = "organization:acme" as SubjectName;
const viewer = ["viewer"] as readonly string[] as readonly ActionName[];
const tokenId = newTokenId();
const secretId = newSecretId();

const relations = {
  read: "reader",
  create: "creator",
  approve: "approver",
  revoke: "revoker",
  policy: "admin",
} as Readonly<Record<string, string>> as Readonly<Record<Right, ActionName>>;

/** The rights of people on acme. */
const rightsOnAcme: Readonly<Record<string, readonly Right[]>> = {
  "user:bob": ["read", "create", "approve", "revoke"],
  "user:carol": ["read", "approve"],
  "user:dora": ["read", "revoke"],
  "user:erin": ["read"],
};

/** Answers from the table, and counts the questions. */
class OpenFga {
  asked: Question[] = [];
  down = false;
  async check(questions: readonly Question[]) {
    this.asked.push(...questions);
    return questions.map(({ subject, action, resource }) => {
      if (this.down) return new Failure("OPENFGA_UNAVAILABLE");
      const held = rightsOnAcme[subject] ?? [];
      return resource === (acme as string) && held.some((right) => relations[right] === action);
    });
  }
}

const service = (name: string, granted: readonly Permission[], over: Partial<ServiceCaller> = {}): ManagingCaller => ({
  kind: "service",
  name,
  permissions: new Set(granted),
  ...over,
});
const user = (name: string, over: object = {}): ManagingCaller => ({
  kind: "user",
  subject: `user:${name}` as SubjectName,
  admin: false,
  ...over,
});
const shop: ServiceCaller = { kind: "service", name: "shop", permissions: new Set(["tokens.behalf"]) };

const callers: Readonly<Record<string, ManagingCaller>> = {
  alice: user("alice"),
  bob: user("bob"),
  carol: user("carol"),
  dora: user("dora"),
  erin: user("erin"),
  zoe: user("zoe"),
  root: user("root", { admin: true }),
  "alice through shop": user("alice", { via: shop }),
  "alice through a shop with ceilings": user("alice", { via: { ...shop, maxLifetimeMs: hour } }),
  "alice through a shop with a largest grant": user("alice", {
    via: { ...shop, maxGrant: { kind: "rules", rules: [{ actions: viewer, resources: ["*"] }] } },
  }),
  "a sign-in that is too old": user("alice", {
    signIn: { authTime: at(-day), endTime: at(day), stepUp: { maxAgeMs: hour, acrValues: [] } },
  }),
  admin: service("admin", ["admin"]),
  reader: service("reader", ["tokens.read"]),
  revoker: service("revoker", ["tokens.revoke"]),
  approver: service("approver", ["tokens.approve"]),
  maker: service("maker", ["tokens.impersonate"]),
  "maker with ceilings": service("maker", ["tokens.impersonate"], { maxLifetimeMs: hour }),
  "for others only": service("others", ["admin"], { subjects: ["user:bob"] }),
  itself: { kind: "token", id: tokenId, subject: alice, secretId, address: undefined },
  "another token": { kind: "token", id: newTokenId(), subject: alice, secretId: newSecretId(), address: undefined },
};

const owners: Readonly<Record<string, Partial<TokenRecord>>> = {
  "alice's": {},
  "alice's for acme": { organization: acme },
  "acme's": { kind: "oat", subject: acme },
};

const decision = { by: "user:bob", time: at(-hour), comment: "" };
const suspended = (rank: Rank): Partial<TokenRecord> => ({ suspension: { ...decision, rank } });
const grace = (over: Partial<SecretRecord> = {}): readonly SecretRecord[] => [
  secretRecord({ retireTime: at(hour), createTime: at(-day), ...over }),
];

interface State {
  readonly facts?: Partial<TokenRecord>;
  /** Secrets besides the current one. */
  readonly older?: readonly SecretRecord[];
}
const states: Readonly<Record<string, State>> = {
  active: {},
  "ends soon": { facts: { expireTime: at(hour / 2) } },
  expired: { facts: { expireTime: at(-hour) } },
  "ended at once": { facts: { expireTime: at(hour), expired: true } },
  "not yet valid": { facts: { notBefore: at(2 * hour), expireTime: at(3 * hour) } },
  "rotates itself": { facts: { selfRotate: true } },
  "with rules": { facts: { grant: { kind: "rules", rules: [{ actions: viewer, resources: ["*"] }] } } },
  pending: { facts: { approval: { state: "pending" }, contributors: ["service:maker"], holders: ["service:maker"] } },
  "pending, made by bob": { facts: { approval: { state: "pending" }, createdBy: "user:bob" } },
  "pending, held by alice through shop": {
    facts: { approval: { state: "pending" }, holders: ["user:alice", "service:shop"] },
  },
  "pending and suspended": { facts: { approval: { state: "pending" }, ...suspended("holder") } },
  approved: { facts: { approval: { state: "approved", ...decision } } },
  denied: { facts: { approval: { state: "denied", ...decision } } },
  "suspended by its holder": { facts: suspended("holder") },
  "suspended by the organization": { facts: suspended("organization") },
  "suspended by the deployment": { facts: suspended("deployment") },
  revoked: { facts: { revocation: { by: "user:bob", time: at(-hour), reason: "REQUESTED" } } },
  "revoked while pending": {
    facts: { approval: { state: "pending" }, revocation: { by: "user:bob", time: at(-hour), reason: "REQUESTED" } },
  },
  "in grace": { older: grace() },
  "after grace": { older: grace({ retireTime: at(-1) }) },
  "grace that was ended": { older: grace({ ended: true }) },
  "in grace, suspended": { older: grace(), facts: suspended("deployment") },
  "in grace, revoked": {
    older: grace(),
    facts: { revocation: { by: "user:bob", time: at(-hour), reason: "REQUESTED" } },
  },
  "in grace, expired": { older: grace(), facts: { expireTime: at(-hour) } },
};

const policies: Readonly<Record<string, Partial<Policy>>> = {
  "no policy": {},
  "approval and short lives": { requireApproval: true, maxLifetimeMs: hour, requireExpiry: true },
  "no full grants": { forbidFull: true },
  "other actions only": { allowedActions: ["editor"] as readonly string[] as readonly ActionName[] },
  "self-rotation": { allowSelfRotation: true },
  "an address is needed": { allowSelfRotation: true, allowedCidrs: ["192.0.2.0/24"] },
  "everything is blocked": { blockAll: true },
};

const peppers = new PepperRing("pw", [{ version: 1, key: randomBytes(32), active: true }]);

/** Calls the method with values that no limit forbids, and returns whether the token was changed. */
async function isDone(operation: Operation, caller: ManagingCaller, current: TokenSnapshot): Promise<boolean> {
  const { token } = current;
  const attempts: (readonly [keyof typeof methods.tokens, (options: Options) => Promise<unknown>])[] = {
    UPDATE: [
      [
        "updateToken",
        (options: Options) =>
          updateToken(options, caller, { id: tokenId, update: { name: "other" }, etag: "", validateOnly: false }),
      ],
    ],
    ROTATE: (
      [{ kind: "default" }, { kind: "date", time: at(1) }, { kind: "date", time: at(2 * hour + 1) }] as Lifetime[]
    ).map(
      (lifetime) =>
        [
          "rotateToken",
          (options: Options) =>
            rotateToken(options, caller, tokenId, { graceMs: 0, lifetime, etag: "", request: undefined }),
        ] as const,
    ),
    REVOKE: [["revokeToken", (options: Options) => revokeToken(options, caller, tokenId, "REQUESTED")]],
    SUSPEND: [["suspendToken", (options: Options) => suspendToken(options, caller, tokenId, "")]],
    RESUME: [["resumeToken", (options: Options) => resumeToken(options, caller, tokenId, "")]],
    APPROVE: [
      [
        "approveToken",
        (options: Options) => approveToken(options, caller, tokenId, { etag: etagOf(token), comment: "" }),
      ],
    ],
    DENY: [["denyToken", (options: Options) => denyToken(options, caller, tokenId, "")]],
    REVOKE_SECRET: token.secrets.map(
      ({ id }) => ["revokeSecret", (options: Options) => revokeSecret(options, caller, tokenId, id)] as const,
    ),
  }[operation] as (readonly [keyof typeof methods.tokens, (options: Options) => Promise<unknown>])[];
  for (const [method, call] of attempts) {
    let change: TokenChange | undefined;
    const options = optionsOn(current, (made) => (change = made));
    try {
      authorize(caller, methods.tokens[method]);
      await call(options);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      continue;
    }
    if (change) return true;
  }
  return false;
}

type Options = ReturnType<typeof optionsOn>;

/** The parts of a use-case, over a store that holds one token. */
function optionsOn(current: TokenSnapshot, onChange: (change: TokenChange | undefined) => void) {
  return {
    store: {
      get: async () => current,
      change: async (_id: unknown, decide: (snapshot: TokenSnapshot) => TokenChange | undefined) => {
        onChange(decide(current));
        return current;
      },
      findRequest: async () => undefined,
    },
    clock,
    rights: new Rights({ permissions: new OpenFga(), relations }),
    peppers,
    requestKeys: [],
    model: () => ({}) as unknown as AuthorizationModel, // no grant is changed
  };
}

function snapshotOf(owner: Partial<TokenRecord>, { facts, older = [] }: State, policy: Partial<Policy>): TokenSnapshot {
  const token = tokenRecord({ createTime: at(-2 * day), createdBy: "service:maker", ...owner, ...facts, id: tokenId });
  const whole = { ...noPolicy, ...policy };
  return {
    token: { ...token, secrets: [secretRecord({ id: secretId, createTime: at(-2 * day) }), ...older] },
    subjects: { subject: unmentionedSubject, organization: token.organization && unmentionedSubject },
    policy: whole,
    policies: [{ scope: "user", policy: whole }],
    lastUses: new Map(),
  };
}

const operations = ["UPDATE", "ROTATE", "REVOKE", "SUSPEND", "RESUME", "APPROVE", "DENY", "REVOKE_SECRET"] as const;

describe("TL-4 permitted operations are those that the methods do", () => {
  it.each(Object.keys(policies))("%s", async (name) => {
    const seen = new Map<Operation, Set<boolean>>(operations.map((operation) => [operation, new Set()]));
    for (const [caller, who] of Object.entries(callers))
      for (const [owner, whose] of Object.entries(owners))
        for (const [state, facts] of Object.entries(states)) {
          const current = snapshotOf(whose, facts, policies[name] ?? {});
          const rights = new Rights({ permissions: new OpenFga(), relations });
          const permitted = await permittedOperations(rights, who, current, now);
          for (const operation of operations) {
            // A sign-in that is too old is no reason to hide a button: the person signs in again.
            const fresh: ManagingCaller =
              who.kind === "user" && who.signIn ? { ...who, signIn: { endTime: at(day) } } : who;
            let done = await isDone(operation, fresh, current);
            // The method marks a secret as ended although it does not work any more: that is nothing to offer.
            if (operation === "REVOKE_SECRET" && !/^in grace(, suspended)?$/.test(state)) done = false;
            expect(permitted.includes(operation), `${operation} by ${caller} of ${owner}, ${state}`).toBe(done);
            seen.get(operation)?.add(done);
          }
        }
    if (name !== "no policy") return;
    for (const [operation, outcomes] of seen) expect([...outcomes].sort(), operation).toEqual([false, true]);
  });

  it("TL-5 asks OpenFGA each question once for a list, and nothing about a caller's own tokens", async () => {
    const openfga = new OpenFga();
    const rights = new Rights({ permissions: openfga, relations }).remembering();
    const bound = snapshotOf(owners["alice's for acme"] ?? {}, {}, {});
    const list = async (caller: ManagingCaller, count: number) =>
      Promise.all(Array.from({ length: count }, () => permittedOperations(rights, caller, bound, now)));
    const [own] = await list(user("alice"), 100);
    expect(own).toEqual(["UPDATE", "ROTATE", "REVOKE", "SUSPEND"]);
    expect(openfga.asked).toEqual([]);
    const [administered] = await list(user("bob"), 100);
    expect(administered).toEqual(["REVOKE", "SUSPEND"]);
    // Nobody creates for a member, and there is nothing to approve.
    expect(openfga.asked.map(({ action }) => action)).toEqual([relations.revoke]);
    expect(openfga.asked.map(({ resource }) => resource)).toEqual([acme as string as ResourceName]);
  });

  it("TL-5 leaves out what needs OpenFGA while it is down", async () => {
    const openfga = new OpenFga();
    openfga.down = true;
    const rights = new Rights({ permissions: openfga, relations });
    const acmes = snapshotOf(owners["acme's"] ?? {}, {}, {});
    expect(await permittedOperations(rights, user("bob"), acmes, now)).toEqual([]);
    expect(await permittedOperations(rights, user("root", { admin: true }), acmes, now)).toContain("REVOKE");
    const own = snapshotOf({}, {}, {});
    expect(await permittedOperations(rights, user("alice"), own, now)).toContain("ROTATE");
  });
});
