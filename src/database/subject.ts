import { and, count, eq, or } from "drizzle-orm";
import type { SubjectName } from "../domain/identifier.js";
import type { StoredSubject, SubjectStore } from "../domain/subject-store.js";
import { transactChange } from "./change.js";
import type { Database } from "./database.js";
import { guarded, soleRow } from "./errors.js";
import { answering, rowsOfPrimary, standby } from "./primary.js";
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
      transactChange({ orm: database.patient }, async (transaction) => {
        await transaction
          .insert(subject)
          .values({ name, state: "ACTIVE", generation: 1, updatedAt: never })
          .onConflictDoNothing();
        const current = stored(
          name,
          soleRow(await transaction.select().from(subject).where(eq(subject.name, name)).for("update")),
        );
        const change = decide(current);
        if (!change) return { result: current, events: [], touched: [] };
        const { state, generation, event, revocation } = change;
        await transaction.update(subject).set({ state, generation, updatedAt: now }).where(eq(subject.name, name));
        async function* events() {
          yield [event];
          if (!revocation) return;
          yield* revokeLocked(
            transaction,
            await lockLiving(transaction, hangsOn(name)),
            revocation,
            revocation.eventOf,
          );
        }
        return {
          result: { name, state, generation, updateTime: now },
          events: events(),
          // It stands for the tokens too: replicas drop every token that depends on the subject.
          touched: [{ kind: "subject", key: name }],
        };
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
