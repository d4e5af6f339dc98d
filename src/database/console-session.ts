import { desc, eq, inArray, lt, or } from "drizzle-orm";
import type { Session, SessionStore } from "../console/session-store.js";
import { transact } from "./change.js";
import { consoleSession, consoleSignIn } from "./console-session-table.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { answeringServer, rowsFromPrimary, standby } from "./primary-read.js";
import { mentionSubjects } from "./subject.js";
import { subject } from "./subject-table.js";

/** Stores the console's sessions in PostgreSQL or PGlite. */
export function createConsoleSessionStore(database: Database): SessionStore {
  return {
    start: (session, { state, replaces, mostSessions }) =>
      transact(database, async (transaction) => {
        // The subject's row is locked: one that is disabled at the same time is either seen here, or ends this session.
        await mentionSubjects(transaction, [session.subject]);
        const named = eq(subject.name, session.subject);
        const current = onlyRow(await transaction.select().from(subject).where(named).for("update")).state;
        if (current !== "ACTIVE") return current;
        const first = await transaction
          .insert(consoleSignIn)
          .values({ state, usedAt: session.createTime })
          .onConflictDoNothing()
          .returning({ state: consoleSignIn.state });
        if (first.length === 0) return "used";
        if (replaces) await transaction.delete(consoleSession).where(eq(consoleSession.id, replaces));
        const others = await transaction
          .select({ id: consoleSession.id })
          .from(consoleSession)
          .where(eq(consoleSession.subject, session.subject))
          .orderBy(desc(consoleSession.lastUsedAt));
        const surplus = others.slice(mostSessions - 1).map(({ id }) => id);
        if (surplus.length > 0) await transaction.delete(consoleSession).where(inArray(consoleSession.id, surplus));
        const { createTime: createdAt, lastUseTime: lastUsedAt, ...facts } = session;
        await transaction.insert(consoleSession).values({ ...facts, createdAt, lastUsedAt });
        return "started";
      }),

    async find(id) {
      // A standby that lags may still have a session that has ended, or lack one that has just started.
      const rows = await guarded(() =>
        database.orm
          .select({ standby, row: consoleSession })
          .from(answeringServer)
          .leftJoin(consoleSession, eq(consoleSession.id, id)),
      );
      const row = rowsFromPrimary(rows)[0]?.row;
      return row ? sessionOf(row) : undefined;
    },

    async touch(id, lastUsedAt) {
      await transact(database, (transaction) =>
        transaction.update(consoleSession).set({ lastUsedAt }).where(eq(consoleSession.id, id)),
      );
    },

    async end(id) {
      await transact(database, (transaction) => transaction.delete(consoleSession).where(eq(consoleSession.id, id)));
    },

    async sweep({ lastUse, create, signIn }) {
      await transact(database, async (transaction) => {
        const old = or(lt(consoleSession.lastUsedAt, lastUse), lt(consoleSession.createdAt, create));
        await transaction.delete(consoleSession).where(old);
        await transaction.delete(consoleSignIn).where(lt(consoleSignIn.usedAt, signIn));
      });
    },
  };
}

function sessionOf(row: typeof consoleSession.$inferSelect): Session {
  const { issuerSession, displayName, authTime, acr, createdAt, lastUsedAt, ...facts } = row;
  return {
    ...facts,
    ...(issuerSession !== null && { issuerSession }),
    ...(displayName !== null && { displayName }),
    ...(authTime !== null && { authTime }),
    ...(acr !== null && { acr }),
    createTime: createdAt,
    lastUseTime: lastUsedAt,
  };
}
