import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { transactChange } from "../../src/database/change.js";
import type { Database } from "../../src/database/database.js";
import { createRevocationStore, replicaLease } from "../../src/database/revocation.js";
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

    it("tell the revoker of an acknowledgement of its change", async () => {
      const heard: string[] = [];
      const listening = await store.listen(
        () => heard.push("change"),
        () => heard.push("acknowledged"),
      );
      try {
        const registration = await register();
        // Calls that were made to find out whether notifications arrive.
        await expect.poll(() => listening.notified()).toBe(true);
        heard.length = 0;
        const touched = [{ kind: "token", key: "tok" }] as const;
        await transactChange(database, async () => ({ result: undefined, events: [], touched }));
        await expect.poll(() => store.awaited()).toBe(true);
        expect(heard).not.toContain("acknowledged");
        await store.acknowledge(registration, 1);
        expect(store.awaited()).toBe(false);
        await expect.poll(() => heard.at(-1)).toBe("acknowledged");
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
