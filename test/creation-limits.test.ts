import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller, Permission } from "../src/callers/caller.js";
import { Rights } from "../src/callers/rights.js";
import { createPolicyStore } from "../src/database/policy.js";
import { createTokenStore } from "../src/database/token.js";
import { newAuditEvent } from "../src/domain/audit-event.js";
import { Failure } from "../src/domain/errors.js";
import type { ActionName, SubjectName } from "../src/domain/identifier.js";
import { PepperRing } from "../src/domain/pepper.js";
import type { AuthorizationModel, PermissionChecker } from "../src/domain/permission-checker.js";
import { noPolicy, type Policy } from "../src/domain/policy.js";
import type { Grant } from "../src/domain/token.js";
import { type CreateTokenCommand, createToken } from "../src/manage/create-token.js";
import { type CreationLimits, creationLimits } from "../src/self/creation-limits.js";
import { engines, type Opened } from "./kit/engines.js";

const now = new Date("2026-01-01T00:00:00Z");
const hourMs = 3_600_000;
const acme = "organization:acme" as SubjectName;
const carol = "user:carol" as SubjectName;
const actions = ["viewer", "editor", "owner"] as ActionName[];

/** Alice and bob are members of acme, and bob administers it. */
const facts: PermissionChecker = {
  check: async (questions) =>
    questions.map(({ subject, action }) => subject !== carol && (action === "member" || subject === "user:bob")),
};
const model = {
  admits: () => true,
  types: new Set(["document"]),
  hasType: () => true,
  hasAction: () => true,
  hasActionAnywhere: () => true,
  actionsOf: () => new Set(actions),
  canHold: () => true,
} as unknown as AuthorizationModel;

const lifetimeMs = fc.option(
  fc.integer({ min: 1, max: 6 }).map((hours) => hours * hourMs),
  { nil: undefined, freq: 2 },
);
const someActions = fc.subarray(actions, { minLength: 1 });
const seldom = fc.integer({ min: 0, max: 9 }).map((value) => value === 0);

const policy: fc.Arbitrary<Policy> = fc
  .record({
    maxLifetimeMs: lifetimeMs,
    defaultLifetimeMs: lifetimeMs,
    requireExpiry: seldom,
    allowedActions: fc.option(someActions, { nil: undefined, freq: 2 }),
    forbidFull: seldom,
    blockAll: fc.integer({ min: 0, max: 31 }).map((value) => value === 0),
    allowSelfRotation: fc.boolean(),
    requireOrganization: seldom,
    requireApproval: fc.boolean(),
  })
  .map((limits) => ({ ...noPolicy, ...limits }));

const grant: fc.Arbitrary<Grant> = fc.oneof(
  fc.constant<Grant>({ kind: "full" }),
  fc
    .array(
      fc.record({
        actions: fc.oneof(someActions, fc.constant(["*" as const])),
        resources: fc.constantFrom(["document:a" as never], ["document:*" as const]),
      }),
      { maxLength: 2 },
    )
    .map((rules): Grant => ({ kind: "rules", rules })),
);

const service = (permissions: readonly Permission[], ceilings: object): Caller => ({
  kind: "service",
  name: "shop",
  permissions: new Set(permissions),
  ...ceilings,
});
const ceilings = fc.record({ maxLifetimeMs: lifetimeMs, maxGrant: fc.option(grant, { nil: undefined }) });
const caller: fc.Arbitrary<Caller> = fc.oneof(
  fc.constantFrom("user:alice", "user:bob", carol).map((subject): Caller => {
    return { kind: "user", subject: subject as SubjectName, admin: false };
  }),
  ceilings.map((limits) => service(["tokens.impersonate"], limits)),
  ceilings.map((limits): Caller => {
    const via = service(["tokens.behalf"], limits) as Extract<Caller, { kind: "service" }>;
    return { kind: "user", subject: "user:alice" as SubjectName, admin: false, via };
  }),
);

const request = fc.record({
  subject: fc.constantFrom("user:alice", "user:bob", carol, acme),
  bound: fc.boolean(),
  grant,
  lifetime: fc.oneof(
    fc.constant({ kind: "default" as const }),
    fc.constant({ kind: "never" as const }),
    fc
      .integer({ min: 1, max: 8 })
      .map((hours) => ({ kind: "ttl" as const, seconds: BigInt((hours * hourMs) / 1000), nanos: 0 })),
  ),
  selfRotate: seldom,
});

function commandOf({ subject, bound, ...rest }: typeof request extends fc.Arbitrary<infer T> ? T : never) {
  const kind = subject === acme ? ("organization" as const) : ("user" as const);
  const command: CreateTokenCommand = {
    ...rest,
    subject: { name: subject as SubjectName, kind },
    organization: bound && kind === "user" ? acme : undefined,
    ...{
      name: "n",
      description: "",
      justification: "",
      notBefore: undefined,
      allowedCidrs: [],
      metadata: {},
      claims: {},
    },
    validateOnly: true,
    request: undefined,
  };
  return command;
}

/** Returns whether a page that knows only the limits lets the request pass. */
function allowedBy(
  { policy, maxGrant, mayCreate }: CreationLimits,
  { grant, lifetime, selfRotate }: CreateTokenCommand,
) {
  const endMs =
    lifetime.kind === "ttl"
      ? Number(lifetime.seconds) * 1000
      : lifetime.kind === "default"
        ? policy.defaultLifetimeMs
        : undefined;
  const { maxLifetimeMs, allowedActions } = policy;
  const named = grant.kind === "full" ? [] : grant.rules.flatMap((rule) => rule.actions);
  return (
    mayCreate &&
    (endMs !== undefined || !policy.requireExpiry) &&
    (maxLifetimeMs === undefined || (endMs !== undefined && endMs <= maxLifetimeMs)) &&
    !(policy.forbidFull && grant.kind === "full") &&
    named.every((action) => action === "*" || (allowedActions?.includes(action) ?? true)) &&
    (policy.allowSelfRotation || !selfRotate) &&
    (maxGrant === undefined || covers(maxGrant, grant))
  );
}

/** Returns whether every action on every resource of `inner` is in `outer`, found by trying all that there are. */
function covers(outer: Grant, inner: Grant): boolean {
  const holds = (held: Grant, action: ActionName, resource: string): boolean =>
    held.kind === "full" ||
    held.rules.some(
      (rule) =>
        (rule.actions.includes("*") || rule.actions.includes(action)) &&
        rule.resources.some((each) => each === resource || (each === "document:*" && resource.startsWith("document:"))),
    );
  if (outer.kind === "full") return true;
  // An action and a type that the model may have one day.
  const anyAction = [...actions, "unheard-of" as ActionName];
  const anyResource = inner.kind === "full" ? ["folder:x"] : ["document:a", "document:other"];
  return anyAction.every((action) =>
    anyResource.every((resource) => !holds(inner, action, resource) || holds(outer, action, resource)),
  );
}

describe.each(engines.filter(({ name }) => name === "PGlite"))("GetCreationLimits on $name", ({ open }) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
    await opened.database.migrate();
  });
  afterAll(() => opened.close());

  it("CL-1 says of every request what CreateToken does", async () => {
    const peppers = new PepperRing("pw", [{ version: 1, key: Buffer.alloc(32, 1), active: true }]);
    const relations = { read: "admin", create: "admin", approve: "admin", revoke: "admin", policy: "admin" };
    const world = {
      store: createTokenStore(opened.database),
      peppers,
      clock: { now: () => now },
      rights: new Rights({ permissions: facts, relations: relations as Record<keyof typeof relations, ActionName> }),
      model: () => model,
      permissions: facts,
      requestKeys: peppers.deriveKeys("requests"),
      defaultLifetimeMs: 4 * hourMs,
      memberRelation: "member" as ActionName,
    };
    const policies = createPolicyStore(opened.database);
    const set = (scope: string, written: Policy) =>
      policies.change(scope, now, () => ({
        policy: written,
        event: newAuditEvent({ time: now, actor: "service:test", action: "policy.changed" }),
      }));
    const outcomes = { created: 0, refused: 0 };
    const cases = fc.record({
      written: fc.tuple(policy, policy, policy),
      asked: fc.array(fc.tuple(caller, request), { minLength: 8, maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ written: [users, organizations, own], asked }) => {
        await set("user", users);
        await set("organization", { ...organizations, requireOrganization: false });
        await set(acme, { ...own, requireOrganization: false });
        for (const [who, wanted] of asked) {
          const command = commandOf(wanted);
          const { subject, organization } = command;
          if (!subject) throw new Error("a subject");
          const created = await refusalOf(createToken(world, who, command));
          const limits = await limitsOf(creationLimits(world, who, subject, organization));
          const told = limits !== undefined && allowedBy(limits, command);
          expect({ created: created === undefined, because: created }).toEqual({ created: told, because: created });
          outcomes[told ? "created" : "refused"] += 1;
        }
      }),
      { numRuns: 60 },
    );
    // Otherwise this test says nothing.
    expect(Math.min(outcomes.created, outcomes.refused)).toBeGreaterThan(30);
  }, 120_000);
});

async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof Failure && error.code !== "INVALID_ARGUMENT") return error.reason;
      throw error;
    },
  );
}

/** Returns undefined when the caller may not know the limits. */
async function limitsOf<T>(call: Promise<T>): Promise<T | undefined> {
  return call.catch((error: unknown) => {
    if (error instanceof Failure && error.reason === "NOT_FOUND") return undefined;
    throw error;
  });
}
