import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller, Permission, ServiceCaller } from "../src/callers/caller.js";
import { Rights } from "../src/callers/rights.js";
import type { Database } from "../src/database/database.js";
import { createPolicyStore } from "../src/database/policy.js";
import { createTokenStore } from "../src/database/token.js";
import { newAuditEvent } from "../src/domain/audit-event.js";
import { Failure } from "../src/domain/errors.js";
import { etagOf } from "../src/domain/etag.js";
import type { ActionName, SubjectName } from "../src/domain/identifier.js";
import { PepperRing } from "../src/domain/pepper.js";
import type { AuthorizationModel, PermissionChecker } from "../src/domain/permission-checker.js";
import { noPolicy } from "../src/domain/policy.js";
import type { TokenId } from "../src/domain/token.js";
import { approveToken } from "../src/manage/approve-token.js";
import { createToken } from "../src/manage/create-token.js";
import { rotateToken } from "../src/manage/rotate-token.js";
import { resumeToken, suspendToken } from "../src/manage/suspend-token.js";
import { type TokenUpdate, updateToken } from "../src/manage/update-token.js";
import { engines, type Opened } from "./kit/engines.js";
import { type Act, type ActKind, actKinds, approversIn, hands, involvedIn, isRotation } from "./kit/four-eyes.js";

const service = (name: string): ServiceCaller => ({
  kind: "service",
  name,
  permissions: new Set<Permission>(["admin"]),
});

/** Returns the caller of these names; the last of the three people administers the deployment. */
function callerOf([name = "", via]: readonly string[]): Caller {
  if (name.startsWith("service:")) return service(name.slice("service:".length));
  const admin = name === "user:carol";
  const between = via === undefined ? {} : { via: service(via.slice("service:".length)) };
  return { kind: "user", subject: name as SubjectName, admin, ...between };
}

/** Everybody has every right on every organization, so only the four-eyes rule decides who may approve. */
const everybody: PermissionChecker = { check: async (questions) => questions.map(() => true) };
// For a full grant nothing else of the model is needed.
const model = { admits: () => true, types: new Set() } as unknown as AuthorizationModel;

const hourMs = 3_600_000;

describe.each(engines)("four eyes on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let world: ReturnType<typeof build>;
    let count = 0;

    function build(database: Database) {
      const peppers = new PepperRing("pw", [{ version: 1, key: Buffer.alloc(32, 1), active: true }]);
      return {
        store: createTokenStore(database),
        peppers,
        clock: { now: () => new Date("2026-01-01T00:00:00Z") },
        rights: new Rights({ permissions: everybody, relations: {} as never }),
        model: () => model,
        permissions: everybody,
        requestKeys: peppers.deriveKeys("requests"),
        defaultLifetimeMs: hourMs,
        memberRelation: "member" as ActionName,
      };
    }

    beforeAll(async () => {
      opened = await open();
      await opened.database.migrate();
      world = build(opened.database);
      await setPolicy(true);
    });
    afterAll(() => opened.close());

    async function setPolicy(requireApproval: boolean): Promise<void> {
      const time = world.clock.now();
      await createPolicyStore(opened.database).change("organization", time, () => ({
        policy: { ...noPolicy, requireApproval },
        event: newAuditEvent({ time, actor: "service:test", action: "policy.changed" }),
      }));
    }

    async function make(subject: SubjectName, names: readonly string[]): Promise<TokenId> {
      const { snapshot } = await createToken(world, callerOf(names), {
        subject: { name: subject, kind: "organization" },
        organization: undefined,
        name: "n",
        description: "",
        justification: "",
        grant: { kind: "full" },
        lifetime: { kind: "default" },
        notBefore: undefined,
        allowedCidrs: ["10.0.0.0/16"],
        metadata: {},
        claims: {},
        selfRotate: false,
        validateOnly: false,
        request: undefined,
      });
      return snapshot.token.id;
    }

    const update = (caller: Caller, id: TokenId, facts: TokenUpdate) =>
      updateToken(world, caller, { id, update: facts, etag: "", validateOnly: false });

    /** Each act is different each time, so that none counts as a repeat. */
    async function act(id: TokenId, kind: Exclude<ActKind, "make">, names: readonly string[]): Promise<void> {
      const caller = callerOf(names);
      const found = await world.store.get(id);
      if (!found) throw new Error("the token is gone");
      const { token } = found;
      const rotate = (graceMs: number, lifetime: Parameters<typeof rotateToken>[3]["lifetime"] = { kind: "default" }) =>
        rotateToken(world, caller, id, { graceMs, lifetime, etag: "", request: undefined });
      const networks = (...allowedCidrs: string[]) => update(caller, id, { allowedCidrs });
      count++;
      switch (kind) {
        case "widen":
          return void (await networks(
            ...token.allowedCidrs,
            `10.${(count % 200) + 1}.0.0/16`,
            `11.${count % 256}.0.0/16`,
          ));
        case "narrow":
          return void (await update(caller, id, { notBefore: new Date(Date.UTC(2020, 0, 1) + count * 1000) }));
        case "rename":
          return void (await update(caller, id, { name: `n${count}` }));
        case "rotate":
          return void (await rotate(0));
        case "rotateWithGrace":
          return void (await rotate(60_000));
        case "prolong": {
          const time = new Date((token.expireTime?.getTime() ?? 0) + hourMs);
          return void (await rotate(0, { kind: "date", time }));
        }
        case "suspend":
          return void (await suspendToken(world, caller, id, ""));
        case "resume":
          return void (await resumeToken(world, caller, id, ""));
        case "approve":
          return void (await approveToken(world, caller, id, { etag: etagOf(token), comment: "" }));
      }
    }

    const anyAct = fc.record({
      kind: fc.constantFrom(...actKinds.filter((kind) => kind !== "make")),
      names: fc.constantFrom(...hands),
    });

    it("S8 nobody may approve their own change or rotate a token that they approved, and everybody else may, after any acts in any order", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...hands),
          fc.array(anyAct, { minLength: 3, maxLength: 12 }),
          async (maker, sequence) => {
            const subject = `organization:eyes-${count++}` as SubjectName;
            const id = await make(subject, maker);
            const history: Act[] = [{ kind: "make", names: maker }];
            let pending = true;
            // Each history ends with an attempt of everybody.
            const tries = hands.map((names) => ({ kind: "approve" as const, names }));
            for (const { kind, names } of [...sequence, ...tries]) {
              const involved = involvedIn(history, subject);
              const approvers = approversIn(history);
              const isRefused =
                (kind === "approve" && names.some((name) => involved.has(name))) ||
                (isRotation(kind) && names.some((name) => approvers.has(name)));
              const reason = await act(id, kind, names).then(
                () => undefined,
                (error: unknown) => (error instanceof Failure ? error.reason : error),
              );
              const told = `${kind} by ${names} after ${JSON.stringify(history)}`;
              if (kind === "resume") expect([undefined, "CALLER_FORBIDDEN"], told).toContain(reason);
              else expect(reason, told).toBe(isRefused ? "CALLER_FORBIDDEN" : undefined);
              if (reason === undefined && (kind === "widen" || kind === "prolong")) pending = true;
              if (kind === "approve" && reason === undefined) {
                if (!pending) continue;
                pending = false;
              }
              if (reason === undefined) history.push({ kind, names });
              const state = (await world.store.get(id))?.token.approval?.state;
              expect(state, told).toBe(pending ? "pending" : "approved");
            }
          },
        ),
        { numRuns: available ? 8 : 0 },
      );
    }, 120_000);

    const rotations = ["rotate", "rotateWithGrace", "prolong"] as const;
    const attempts = rotations.flatMap((kind) => hands.map((names) => ({ kind, names })));

    it("S8 rotate after approve: two people are involved in every usable secret", async () => {
      const refusals: string[] = [];
      for (const approver of hands) {
        const id = await make(`organization:eyes-${count++}` as SubjectName, ["user:dave"]);
        await act(id, "approve", approver);
        for (const { kind, names } of attempts) {
          if (!names.some((name) => approver.includes(name))) continue;
          const told = `${kind} by ${names} after ${approver}`;
          const before = await world.store.get(id);
          await expect(act(id, kind, names), told).rejects.toMatchObject({
            reason: "CALLER_FORBIDDEN",
            metadata: { permission: "rotate", because: "approved it, and may not be shown a secret of it" },
          });
          expect((await world.store.get(id))?.token, told).toEqual(before?.token);
          refusals.push(told);
        }
        // The maker of the token may rotate, and the approval stays in effect.
        await act(id, "rotateWithGrace", ["user:dave"]);
        expect((await world.store.get(id))?.token).toMatchObject({ approval: { state: "approved", by: approver[0] } });
      }
      // Pairs of callers that have a name in common.
      expect(refusals.length).toBe(rotations.length * 22);
    });

    it("S8 an approver may rotate once the policy requires no approval, or the token waits for another approval", async () => {
      const [bob, carol] = [["user:bob"], ["user:carol"]];
      const waiting = await make(`organization:eyes-${count++}` as SubjectName, ["user:dave"]);
      await act(waiting, "approve", bob);
      await act(waiting, "widen", carol);
      await act(waiting, "rotate", bob);
      await expect(act(waiting, "approve", bob)).rejects.toMatchObject({ reason: "CALLER_FORBIDDEN" });
      const free = await make(`organization:eyes-${count++}` as SubjectName, ["user:dave"]);
      await act(free, "approve", bob);
      await setPolicy(false);
      await act(free, "rotate", bob);
      await setPolicy(true);
    });
  });
});
