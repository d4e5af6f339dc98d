import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { transactChange } from "../../src/database/change.js";
import type { Database } from "../../src/database/database.js";
import { createRevocationStore, replicaLease, revoker } from "../../src/database/revocation.js";
import { Acknowledgements } from "../../src/revocation/acknowledgements.js";
import { confirmRevocation } from "../../src/revocation/confirmation.js";
import { leaseMarginMs, type Registration, type RevocationStore } from "../../src/revocation/revocation-store.js";
import { engines, type Opened } from "../kit/engines.js";

describe.each(engines)("leases on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let database: Database;
    let store: RevocationStore;
    beforeAll(async () => {
      opened = await open();
      database = opened.database;
      await database.migrate();
      store = createRevocationStore(database);
      const touched = [{ kind: "token", key: "tok" }] as const;
      await transactChange(database, async () => ({ result: undefined, events: [], touched }));
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      await database.orm.delete(replicaLease);
    });

    async function register(leaseMs = 5_000): Promise<Registration> {
      const registration = { replicaId: randomUUID(), incarnation: randomUUID() };
      await store.register(registration, leaseMs);
      return registration;
    }
    const rows = async () => (await store.leases()).rows;

    it("S4 are removed only if unchanged since they were read: a renewed or new registration stays", async () => {
      const [dead, renewed, again] = [await register(), await register(), await register()];
      const read = await rows();
      expect(read).toHaveLength(3);
      await store.renew(renewed, 0);
      await store.register({ ...again, incarnation: randomUUID() }, 5_000);
      await store.remove(read);
      expect((await rows()).map(({ replicaId }) => replicaId).sort()).toEqual(
        [renewed.replicaId, again.replicaId].sort(),
      );
      expect(await store.renew(dead, 0)).toBeUndefined();
    });

    it("are not extended by an acknowledgement", async () => {
      const registration = await register();
      const [before] = await rows();
      await store.acknowledge(registration, 1);
      expect(await rows()).toEqual([{ ...before, ackedEpoch: 1 }]);
    });

    it("hold what the replica that reads them has applied, unless it is another registration by now", async () => {
      const [own, other] = [await register(), await register()];
      const ackedBy = async (by: Registration, seen: number) =>
        Object.fromEntries(
          (await store.leases({ ...by, seen })).rows.map(({ replicaId, ackedEpoch }) => [replicaId, ackedEpoch]),
        );
      expect(await ackedBy(own, 3)).toEqual({ [own.replicaId]: 3, [other.replicaId]: 0 });
      expect((await rows()).map(({ ackedEpoch }) => ackedEpoch).sort()).toEqual([0, 3]);
      // It was read before, and takes nothing back.
      expect(await ackedBy(own, 2)).toEqual({ [own.replicaId]: 3, [other.replicaId]: 0 });
      expect(await ackedBy({ ...own, incarnation: randomUUID() }, 4)).toEqual({
        [own.replicaId]: 3,
        [other.replicaId]: 0,
      });
    });

    it("tell the revoker of an acknowledgement of its change", async () => {
      const heard: string[] = [];
      const listening = await store.listen(
        (own) => heard.push(own ? "own" : "unknown"),
        () => heard.push("acknowledged"),
      );
      try {
        const registration = await register();
        await expect.poll(() => listening.notified()).toBe(true);
        const touched = [{ kind: "token", key: "tok" }] as const;
        await transactChange(database, async () => ({ result: undefined, events: [], touched }));
        await expect.poll(() => heard).toContain("own");
        // Another revoker, whose channel is its name.
        const name = "0123456789abcdef";
        const told: string[] = [];
        const other = await database.listen({ [`patwarden_acknowledged_${name}`]: (payload) => told.push(payload) });
        try {
          await expect.poll(() => other.notified()).toBe(true);
          told.length = 0;
          heard.length = 0;
          await database.query("select pg_notify('patwarden_revocation', $1)", [name]);
          await expect.poll(() => heard).toContain("unknown");
          await store.acknowledge(registration, 1);
          await expect.poll(() => told).toContain("");
        } finally {
          await other.stop();
        }
        heard.length = 0;
        await database.query("select pg_notify($1, '')", [`patwarden_acknowledged_${revoker}`]);
        await expect.poll(() => heard).toContain("acknowledged");
      } finally {
        await listening.stop();
      }
    });

    it("S4 of a dead replica are waited for once, by the revoker's own clock, and then removed", async () => {
      await register(1_000);
      let monotonicMs = 0;
      const options = {
        store,
        monotonicMs: () => (monotonicMs += 50),
        sync: () => undefined,
        own: () => undefined,
        acknowledgements: new Acknowledgements(),
        notified: () => false,
      };
      await confirmRevocation(options);
      expect(monotonicMs).toBeGreaterThanOrEqual(1_000 + leaseMarginMs);
      expect(await rows()).toEqual([]);
      const before = monotonicMs;
      await confirmRevocation(options);
      expect(monotonicMs - before).toBeLessThan(1_000);
    });
  });
});
