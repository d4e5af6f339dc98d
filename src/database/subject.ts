import { and, asc, count, eq, gt, gte, inArray, lt, ne, or, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { SubjectName } from "../domain/identifier.js";
import type { StoredSubject, SubjectStore } from "../domain/subject-store.js";
import { type Transaction, transactChange } from "./change.js";
import { consoleSession } from "./console-session-table.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { answeringServer, rowsFromPrimary, standby } from "./primary-read.js";
import { subject, subjectFacts } from "./subject-table.js";
import { isLive, subjectMatches } from "./token-conditions.js";
import { lockUnrevoked, revokeLocked } from "./token-revocation.js";
import { token } from "./token-table.js";

/** The `updated_at` of a row that was inserted only so that it can be locked. */
const never = new Date(0);

/** Inserts rows for subjects that have none, so that they can be locked. Such a row means the same as no row. */
export async function mentionSubjects(transaction: Transaction, names: readonly SubjectName[]): Promise<void> {
  const rows = names.map((name) => ({ name, state: "ACTIVE" as const, generation: 1, updatedAt: never }));
  await transaction.insert(subject).values(rows).onConflictDoNothing();
}

/** Locks these subjects against changes until the transaction ends. Waits for a subject that is being deleted. */
export async function holdSubjects(transaction: Transaction, names: readonly SubjectName[]): Promise<void> {
  const sorted = [...names].sort();
  await mentionSubjects(transaction, sorted);
  await transaction.select().from(subject).where(inArray(subject.name, sorted)).orderBy(subject.name).for("share");
}

const dependsOn = (name: SubjectName | PgColumn) => or(eq(token.subject, name), eq(token.organization, name));

/**
 * Matches subjects that a token names in this column. One row is looked for in the index of the column, which alone has
 * this order: where PostgreSQL believes that most tokens match, it would read all tokens for a subject without any. It
 * ignores an order within `exists`.
 */
const has = (column: PgColumn) => sql`(
  select true from ${token} where ${column} between ${subject.name} and ${subject.name} order by ${column} limit 1
) is true`;

/** Stores subjects in PostgreSQL or PGlite. */
export function createSubjectStore(database: Database): SubjectStore {
  return {
    async get(name) {
      const rows = await guarded(() =>
        database.orm.select({ standby, row: subject }).from(answeringServer).leftJoin(subject, eq(subject.name, name)),
      );
      return stored(name, rowsFromPrimary(rows)[0]?.row);
    },

    async list({ prefix, states, subjects }, { size, after }, now) {
      const rows = await guarded(() =>
        database.scan((orm) => {
          const page = orm.$with("page").as(
            orm
              .select()
              .from(subject)
              .where(
                and(
                  // Names have characters up to `~`, so this is the range of the prefix.
                  gte(subject.name, prefix),
                  lt(subject.name, `${prefix}\u007f`),
                  after && gt(subject.name, after),
                  states && inArray(subject.state, [...states]),
                  subjects && or(...subjects.map((entry) => subjectMatches(subject.name, entry)), sql`false`),
                  or(ne(subject.updatedAt, never), has(token.subject), has(token.organization)),
                ),
              )
              .orderBy(asc(subject.name))
              .limit(size + 1),
          );
          // Counted for the whole page: an organization that has most tokens must not be looked for once a subject.
          const live = (column: PgColumn, condition?: SQL) =>
            orm
              .select({ dependsOn: sql<string>`${column}`.as("depends_on") })
              .from(token)
              .where(and(sql`${column} in (select ${page.name} from ${page})`, condition, isLive(now)));
          const tokens = live(token.subject)
            .unionAll(live(token.organization, ne(token.organization, token.subject)))
            .as("tokens");
          const { name, state, generation, updatedAt } = page;
          return orm
            .with(page)
            .select({ name, state, generation, updatedAt, liveTokens: count(tokens.dependsOn) })
            .from(page)
            .leftJoin(tokens, eq(tokens.dependsOn, name))
            .groupBy(name, state, generation, updatedAt)
            .orderBy(asc(name));
        }),
      );
      return {
        // Stored names were parsed before.
        subjects: rows.slice(0, size).map(({ liveTokens, ...row }) => ({
          ...stored(row.name as SubjectName, row),
          liveTokens,
        })),
        more: rows.length > size,
      };
    },

    change: (name, now, decide) =>
      // Deleting a subject may touch many tokens.
      transactChange({ orm: database.patient }, async (transaction) => {
        await mentionSubjects(transaction, [name]);
        const rows = await transaction.select().from(subject).where(eq(subject.name, name)).for("update");
        const current = stored(name, onlyRow(rows));
        const change = decide(current);
        if (!change) return { result: current, events: [], touched: [] };
        const { state, generation, event, revocation } = change;
        await transaction.update(subject).set({ state, generation, updatedAt: now }).where(eq(subject.name, name));
        if (state !== "ACTIVE") await transaction.delete(consoleSession).where(eq(consoleSession.subject, name));
        async function* events() {
          yield [event];
          if (!revocation) return;
          const ids = await lockUnrevoked(transaction, dependsOn(name));
          yield* revokeLocked(transaction, ids, revocation, revocation.eventOf);
        }
        return {
          result: { name, state, generation, updateTime: now },
          events: events(),
          // This covers the tokens too: replicas drop every token that depends on the subject.
          touched: [{ kind: "subject", key: name }],
        };
      }),

    async countLiveTokens(name, now) {
      const rows = await guarded(() =>
        database.scan((orm) =>
          orm
            .select({ live: count() })
            .from(token)
            .where(and(dependsOn(name), isLive(now))),
        ),
      );
      return onlyRow(rows).live;
    },
  };
}

function stored(name: SubjectName, row: typeof subject.$inferSelect | null | undefined): StoredSubject {
  const updateTime = row && row.updatedAt.getTime() !== never.getTime() ? row.updatedAt : undefined;
  return { name, ...subjectFacts(row), updateTime };
}
