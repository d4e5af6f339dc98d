import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { auditEvent, auditPending, createAuditStore } from "../../src/database/audit.js";
import type { Database } from "../../src/database/database.js";
import { createLastUseStore, lastUse } from "../../src/database/last-use.js";
import { createPolicyStore, policy } from "../../src/database/policy.js";
import { createTokenStore } from "../../src/database/token.js";
import { token, tokenSecret } from "../../src/database/token-table.js";
import { newAuditEvent } from "../../src/domain/audit-event.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import { noPolicy, type Policy } from "../../src/domain/policy.js";
import type { TokenRecord } from "../../src/domain/token.js";
import { revokeUnused } from "../../src/manage/revoke-unused.js";
import { engines, type Opened } from "../kit/engines.js";
import { secretRecord, testEvent, testTime, tokenRecord } from "../kit/token.js";

const day = 86_400_000;
/** All times are long before the use case runs. */
const now = testTime;
const ago = (days: number): Date => new Date(now.getTime() - days * day);

describe.each(engines)("unused tokens on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;

    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      for (const table of [tokenSecret, token, lastUse, policy, auditEvent, auditPending]) {
        await database.orm.delete(table);
      }
    });

    /** A token made 100 days ago, and last used so many days ago. */
    async function make(over: Partial<TokenRecord> = {}, usedDaysAgo?: number): Promise<TokenRecord> {
      const made = tokenRecord({ createTime: ago(100), ...over });
      const secret = secretRecord();
      await createTokenStore(database).create(made, () => ({
        token: made,
        secret: { ...secret, digest: randomBytes(32) },
        event: testEvent(made),
      }));
      if (usedDaysAgo !== undefined) {
        const use = { tokenId: made.id, secretId: secret.id, time: ago(usedDaysAgo), address: "192.0.2.1" };
        await createLastUseStore(database).move([use]);
      }
      return made;
    }
    async function limit(scope: string, over: Partial<Policy>): Promise<void> {
      const event = newAuditEvent({ time: now, actor: "service:test", action: "policy.changed" });
      await createPolicyStore(database).change(scope, now, () => ({ policy: { ...noPolicy, ...over }, event }));
    }
    const sweep = () =>
      revokeUnused({
        policies: createPolicyStore(database),
        store: createTokenStore(database),
        clock: { now: () => now },
      });
    const revocationOf = async ({ id }: TokenRecord) => (await createTokenStore(database).get(id))?.token.revocation;
    const approved = (time: Date) => ({ state: "approved" as const, by: "user:bob", time, comment: "" });

    it("LU-4 are shown with their last use, and their secrets too", async () => {
      const used = await make({}, 3);
      const shown = await createTokenStore(database).get(used.id);
      const expected = { time: ago(3), address: "192.0.2.1" };
      expect(shown?.lastUses.get(used.id)).toEqual(expected);
      expect(shown?.lastUses.get(shown.token.secrets[0]?.id ?? used.id)).toEqual(expected);
      const never = await make();
      expect((await createTokenStore(database).get(never.id))?.lastUses.size).toBe(0);
    });

    it("are listed: used last before a time, or usable since before it and never used", async () => {
      const names = async (unusedSince: Date) => {
        const { tokens } = await createTokenStore(database).list({ unusedSince }, { size: 100 }, now);
        return tokens.map((each) => each.token.name).sort();
      };
      await make({ name: "used 10 days ago" }, 10);
      await make({ name: "used yesterday" }, 1);
      await make({ name: "never used" });
      await make({ name: "valid for 5 days", notBefore: ago(5) });
      await make({ name: "approved 5 days ago", approval: approved(ago(5)) });
      await make({ name: "made 5 days ago", createTime: ago(5) });
      await make({ name: "valid tomorrow", notBefore: ago(-1) });
      expect(await names(ago(7))).toEqual(["never used", "used 10 days ago"]);
      expect(await names(ago(2))).toEqual([
        "approved 5 days ago",
        "made 5 days ago",
        "never used",
        "used 10 days ago",
        "valid for 5 days",
      ]);
      // "Before" excludes the moment itself.
      expect(await names(ago(10))).toEqual(["never used"]);
      expect(await names(ago(100))).toEqual([]);
    });

    it("are revoked after the time of the stricter of their policies, and no other tokens are", async () => {
      const acme = "organization:acme" as SubjectName;
      const other = "organization:other" as SubjectName;
      const tokens = {
        idle: await make({}, 31),
        busy: await make({}, 29),
        neverUsed: await make(),
        fresh: await make({ createTime: ago(29) }),
        acmeIdle: await make({ kind: "oat", subject: acme }, 11),
        acmeBusy: await make({ kind: "oat", subject: acme }, 9),
        boundIdle: await make({ organization: acme }, 11),
        boundBusy: await make({ organization: acme }, 9),
        otherIdle: await make({ kind: "oat", subject: other }, 99),
        boundToOther: await make({ organization: other }, 31),
      };
      expect(await sweep()).toBe(0);
      await limit("user", { revokeUnusedAfterMs: 30 * day });
      await limit("organization:acme", { revokeUnusedAfterMs: 10 * day });
      await limit("organization:other", { forbidFull: true });
      expect(await sweep()).toBe(5);
      const revoked = [];
      for (const [name, one] of Object.entries(tokens)) if (await revocationOf(one)) revoked.push(name);
      expect(revoked).toEqual(["idle", "neverUsed", "acmeIdle", "boundIdle", "boundToOther"]);
      expect(await revocationOf(tokens.idle)).toEqual({ time: now, by: "system", reason: "UNUSED" });
      expect(await sweep()).toBe(0);
    });

    it("are revoked when suspended too, and not while they cannot be used or have ended", async () => {
      await limit("user", { revokeUnusedAfterMs: day });
      const suspension = { by: "user:bob", time: ago(50), comment: "", rank: "holder" as const };
      const suspended = await make({ suspension });
      const others = [
        await make({ approval: { state: "pending" } }),
        await make({ notBefore: ago(-1) }),
        await make({ expireTime: ago(50) }),
        await make({ approval: { ...approved(ago(50)), state: "denied" } }),
      ];
      const before = { time: ago(50), by: "user:alice", reason: "LEAKED" as const };
      const revoked = await make({ revocation: before });
      expect(await sweep()).toBe(1);
      expect(await revocationOf(suspended)).toMatchObject({ reason: "UNUSED" });
      for (const one of others) expect(await revocationOf(one)).toBeUndefined();
      expect(await revocationOf(revoked)).toEqual(before);
    });

    it("each have an audit event that names the policy", async () => {
      await limit("user", { revokeUnusedAfterMs: 30 * day });
      const idle = await make({}, 31);
      await sweep();
      const { entries } = await createAuditStore(database).list({ tokenId: idle.id, actor: "system" }, { size: 10 });
      expect(entries.map(({ event }) => [event.action, event.subject, event.outcome, event.details["policy"]])).toEqual(
        [["token.revoked", "user:alice", "ok", "user"]],
      );
      expect(entries[0]?.event.details["revocation.after"]).toContain("UNUSED");
    });

    it("are revoked in batches, and once when several processes look at the same time", async () => {
      await limit("user", { revokeUnusedAfterMs: 30 * day });
      const [first] = await Promise.all(Array.from({ length: 3 }, () => make()));
      // More than one batch: the rows are copies of one, since making a token is slow.
      const copy = `insert into token select (r).* from (select jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid())) as r
        from token t, generate_series(1, 1100) where t.name = 'laptop' limit 1100) copies`;
      await database.query(copy, []);
      expect(first).toBeDefined();
      // On a busy machine a sweep may wait for the rows of another one until its lock_timeout: its next turn goes on.
      for (const sweeping of await Promise.allSettled([sweep(), sweep(), sweep()])) {
        if (sweeping.status === "rejected") expect(sweeping.reason).toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
      }
      await sweep();
      expect(await sweep()).toBe(0);
      const events = await database.orm.$count(auditEvent);
      expect(events - 3 - 1).toBe(1_103); // those of making and of the policy
    });
  });
});
