import { and, count, eq, or } from "drizzle-orm";
import type { SubjectName } from "../domain/identifier.js";
import type { StoredSubject, SubjectStore } from "../domain/subject-store.js";
import { appendAudit } from "./audit.js";
import type { Database } from "./database.js";
import { guarded, soleRow, transact } from "./errors.js";
import { answering, rowsOfPrimary, standby } from "./primary.js";
import { recordChange } from "./revocation.js";
import { subjectFacts } from "./rows.js";
import { subject, token } from "./schema.js";
import { lockLiving, revokeLocked } from "./token.js";
import { inState } from "./token-conditions.js";

/** Set when a row is made only to be locked. */
const never = new Date(0);

export function createSubjectStore(database: Database): SubjectStore {
  const { orm } = database;
  const hangsOn = (name: SubjectName) => or(eq(token.subject, name), eq(token.organization, name));

  return {
    async get(name) {
      const rows = await guarded(() =>
        orm.select({ standby, row: subject }).from(answering).leftJoin(subject, eq(subject.name, name)),
      );
      return stored(name, rowsOfPrimary(rows)[0]?.row);
    },

    change: (name, now, decide) =>
      // A deletion may touch many tokens.
      transact({ orm: database.patient }, async (transaction) => {
        await transaction
          .insert(subject)
          .values({ name, state: "ACTIVE", generation: 1, updatedAt: never })
          .onConflictDoNothing();
        const current = stored(
          name,
          soleRow(await transaction.select().from(subject).where(eq(subject.name, name)).for("update")),
        );
        const change = decide(current);
        if (!change) return current;
        const { state, generation, revocation } = change;
        await transaction.update(subject).set({ state, generation, updatedAt: now }).where(eq(subject.name, name));
        await appendAudit(transaction, change.event);
        if (revocation) {
          await revokeLocked(transaction, await lockLiving(transaction, hangsOn(name)), revocation, revocation.eventOf);
        }
        // It names the tokens too: whatever hangs on the subject is dropped.
        await recordChange(transaction, [{ kind: "subject", key: name }]);
        return { name, state, generation, updateTime: now };
      }),

    async countLiveTokens(name, now) {
      const living = or(...(["ACTIVE", "SUSPENDED", "PENDING_APPROVAL"] as const).map((state) => inState(state, now)));
      const rows = await guarded(() =>
        database.scanning
          .select({ live: count() })
          .from(token)
          .where(and(hangsOn(name), living)),
      );
      return soleRow(rows).live;
    },
  };
}

function stored(name: SubjectName, row: typeof subject.$inferSelect | null | undefined): StoredSubject {
  const updateTime = row && row.updatedAt.getTime() !== never.getTime() ? row.updatedAt : undefined;
  return { name, ...subjectFacts(row), updateTime };
}
