import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Rights } from "../../src/callers/rights.js";
import { createPolicyStore, policy } from "../../src/database/policy.js";
import { createTokenStore } from "../../src/database/token.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import type { Policy } from "../../src/domain/policy.js";
import { deletePolicy, getPolicy, type PolicyScope, updatePolicy } from "../../src/manage/policies.js";
import { engines, type Opened } from "../kit/engines.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

const acme = "organization:acme" as SubjectName;
const own: PolicyScope = { kind: "organization", scope: acme };
const caller = { kind: "service", name: "test", permissions: new Set(["policies"] as const) } as const;

describe.each(engines)("a policy that was deleted, on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    beforeAll(async () => {
      opened = await open();
      await opened.database.migrate();
    });
    afterAll(() => opened.close());

    const options = () => ({
      policies: createPolicyStore(opened.database),
      store: createTokenStore(opened.database),
      rights: {} as Rights, // who may do everything is not looked up
      clock: { now: () => testTime },
      model: () => {
        throw new Error("no action is named");
      },
    });
    const update = async (fields: Partial<Policy>, etag = "", scope: PolicyScope = own) =>
      (await updatePolicy(options(), caller, { scope, update: fields, etag, validateOnly: false })).policy;
    const remove = () => deletePolicy(options(), caller, own);
    const read = async () => (await getPolicy(options(), caller, own)).policy;
    const rows = () => opened.database.orm.select().from(policy).where(eq(policy.scope, acme));

    it("S17 never gets an earlier etag again, however often it is set and deleted", async () => {
      const etags: string[] = [];
      for (let n = 0; n < 3; n++) {
        etags.push((await update({ blockAll: true })).etag, (await update({ blockAll: false })).etag);
        await remove();
        expect((await read()).etag).toBe("");
        for (const etag of etags) await expect(update({}, etag)).rejects.toMatchObject({ reason: "ETAG_MISMATCH" });
      }
      const { etag: current } = await update({ blockAll: true });
      for (const etag of etags)
        await expect(update({ blockAll: false }, etag)).rejects.toMatchObject({ reason: "ETAG_MISMATCH" });
      expect(new Set([...etags, current]).size).toBe(7);
      expect((await update({ blockAll: false }, current)).policy.blockAll).toBe(false);
    });

    it("S17 counts as never set: only the deployment's applies, and deleting it again changes nothing", async () => {
      const record = tokenRecord({ kind: "oat", subject: acme });
      const secret = { ...secretRecord(), digest: randomBytes(32) };
      const store = createTokenStore(opened.database);
      await store.create(record, () => ({ token: record, secret, event: testEvent(record) }));
      // A policy that is set allows no self-rotation unless it says so.
      await update({ allowSelfRotation: true }, "", { kind: "deployment", scope: "organization" });
      const allowed = async () => [
        (await store.get(record.id))?.policy.allowSelfRotation,
        (await store.resolve([secret.digest])).tokens[0]?.policy.allowSelfRotation,
      ];
      await update({ revokeUnusedAfterMs: 86_400_000 });
      expect(await allowed()).toEqual([false, false]);
      await remove();
      expect(await allowed()).toEqual([true, true]);
      expect((await store.get(record.id))?.policies.map(({ scope }) => scope)).toEqual(["organization"]);
      expect(await createPolicyStore(opened.database).listWithUnusedLimit()).toEqual([]);
      const before = await rows();
      await remove();
      expect(await rows()).toEqual(before);
    });

    it("S17 leaves no row when it was never set", async () => {
      const scope = "organization:never" as SubjectName;
      await deletePolicy(options(), caller, { kind: "organization", scope });
      expect(await opened.database.orm.select().from(policy).where(eq(policy.scope, scope))).toEqual([]);
    });
  });
});
