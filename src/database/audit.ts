import { and, asc, desc, eq, gt, gte, inArray, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import type { AuditFilter, AuditStore } from "../audit/audit-store.js";
import { chainStart, type SealedEvent, seal } from "../audit/chain.js";
import { type AuditEvent, auditEventIdFromUuid, auditEventUuid } from "../domain/audit-event.js";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import { auditCheckpoint, auditEvent, auditPending, auditSeal } from "./audit-table.js";
import { type Transaction, transact, transactChange } from "./change.js";
import type { Database } from "./database.js";
import { guarded, soleRow } from "./errors.js";
import { subjectMatches } from "./token-conditions.js";

const sealLock = 1_472_665_731; // beside the one of the migrations
const cutLock = 1_472_665_732;
const hourMs = 3_600_000;

type EventRow = typeof auditEvent.$inferSelect;

const keptCheckpoint = {
  position: auditCheckpoint.position,
  time: auditCheckpoint.at,
  statement: auditCheckpoint.statement,
};

/** Audit events in PostgreSQL or PGlite. */
export function createAuditStore(database: Database): AuditStore {
  const { orm } = database;
  return {
    append: (...events) => transactChange(database, async () => ({ result: undefined, events, touched: [] })),

    list: (filter, { size, after }) =>
      guarded(async () => {
        const rows = await orm
          .select({ event: auditEvent, seal: auditSeal })
          .from(auditEvent)
          .leftJoin(auditSeal, eq(auditSeal.eventId, auditEvent.id))
          .where(and(matching(filter), after && lt(auditEvent.id, auditEventUuid(after))))
          .orderBy(desc(auditEvent.id))
          .limit(size + 1);
        const entries = rows
          .slice(0, size)
          .map((row) => ({ event: readEvent(row.event), seal: row.seal ?? undefined }));
        return { entries, more: rows.length > size };
      }),

    sealNext: (limit) =>
      transact(database, async (transaction) => {
        if (!(await tryLock(transaction, sealLock))) return 0;
        // By statements of their own: what these see was committed by the sealer that held the lock before.
        const waiting = await transaction
          .select({ event: auditEvent })
          .from(auditPending)
          .innerJoin(auditEvent, eq(auditEvent.id, auditPending.eventId))
          .orderBy(asc(auditPending.eventId))
          .limit(limit);
        if (waiting.length === 0) return 0;
        let { position, hash } = (await endOf(transaction)) ?? { position: 0, hash: chainStart };
        const seals = waiting.map(({ event }) => {
          const previousHash = hash;
          hash = seal(previousHash, readEvent(event));
          position++;
          return { position, eventId: event.id, previousHash, hash };
        });
        await transaction.insert(auditSeal).values(seals);
        const sealed = seals.map(({ eventId }) => eventId);
        await transaction.delete(auditPending).where(inArray(auditPending.eventId, sealed));
        return seals.length;
      }),

    readSealed: (fromPosition, limit) =>
      guarded(async () => {
        const rows = await orm
          .select({ seal: auditSeal, event: auditEvent })
          .from(auditSeal)
          .leftJoin(auditEvent, eq(auditEvent.id, auditSeal.eventId))
          .where(gte(auditSeal.position, fromPosition))
          .orderBy(asc(auditSeal.position))
          .limit(limit);
        return rows.map(
          ({ seal: { position, previousHash, hash }, event }): SealedEvent => ({
            position,
            previousHash,
            hash,
            event: event ? readEvent(event) : undefined,
          }),
        );
      }),

    lastSeal: () => guarded(() => endOf(orm)),

    findUnsealed: (after, limit) =>
      guarded(async () => {
        const next = orm
          .select({ id: auditEvent.id })
          .from(auditEvent)
          .where(after && gt(auditEvent.id, auditEventUuid(after)))
          .orderBy(asc(auditEvent.id))
          .limit(limit)
          .as("next");
        const rows = await orm
          .select({
            id: next.id,
            stranger: sql<boolean>`${and(isNull(auditSeal.position), isNull(auditPending.eventId))}`,
          })
          .from(next)
          .leftJoin(auditSeal, eq(auditSeal.eventId, next.id))
          .leftJoin(auditPending, eq(auditPending.eventId, next.id))
          .orderBy(asc(next.id));
        const last = rows.at(-1);
        return {
          strangers: rows.filter(({ stranger }) => stranger).map(({ id }) => auditEventIdFromUuid(id)),
          next: last && rows.length === limit ? auditEventIdFromUuid(last.id) : undefined,
        };
      }),

    keepCheckpoint: ({ position, time, statement }) =>
      transact(database, async (transaction) => {
        const [recent] = await transaction
          .select({ position: auditCheckpoint.position })
          .from(auditCheckpoint)
          .where(gt(auditCheckpoint.at, new Date(time.getTime() - hourMs)))
          .limit(1);
        if (recent) return;
        await transaction.insert(auditCheckpoint).values({ position, at: time, statement }).onConflictDoNothing();
      }),

    checkpointsBelow: (position, limit) =>
      guarded(() =>
        orm
          .select(keptCheckpoint)
          .from(auditCheckpoint)
          .where(lt(auditCheckpoint.position, position))
          .orderBy(desc(auditCheckpoint.position))
          .limit(limit),
      ),

    firstCheckpoint: () =>
      guarded(async () => {
        const [first] = await orm
          .select(keptCheckpoint)
          .from(auditCheckpoint)
          .orderBy(asc(auditCheckpoint.position))
          .limit(1);
        return first;
      }),

    lastCheckpointBefore: (time) =>
      guarded(async () => {
        const [last] = await orm
          .select(keptCheckpoint)
          .from(auditCheckpoint)
          .where(lt(auditCheckpoint.at, time))
          .orderBy(desc(auditCheckpoint.position))
          .limit(1);
        return last;
      }),

    restate: ({ position, statement: before }, statement) =>
      transact(database, async (transaction) => {
        await transaction
          .update(auditCheckpoint)
          .set({ statement })
          .where(and(eq(auditCheckpoint.position, position), eq(auditCheckpoint.statement, before)));
      }),

    cut: (position, statement) =>
      transact(database, async (transaction) => {
        await transaction.update(auditCheckpoint).set({ statement }).where(eq(auditCheckpoint.position, position));
        await transaction.delete(auditCheckpoint).where(lt(auditCheckpoint.position, position));
        const there = transaction
          .select({ id: auditSeal.eventId })
          .from(auditSeal)
          .where(eq(auditSeal.position, position));
        await transaction.delete(auditEvent).where(inArray(auditEvent.id, there));
      }),

    deleteBefore: (position, limit) =>
      transact(database, async (transaction) => {
        if (!(await tryLock(transaction, cutLock))) return 0;
        const old = await transaction
          .select({ position: auditSeal.position, eventId: auditSeal.eventId })
          .from(auditSeal)
          .where(lt(auditSeal.position, position))
          .orderBy(asc(auditSeal.position))
          .limit(limit);
        const last = old.at(-1);
        if (!last) return 0;
        // Together: an event without its seal would look as if it had been put in past the server.
        await transaction.delete(auditEvent).where(
          inArray(
            auditEvent.id,
            old.map(({ eventId }) => eventId),
          ),
        );
        await transaction.delete(auditSeal).where(lte(auditSeal.position, last.position));
        return old.length;
      }),
  };
}

/** For the rest of the transaction, unless another process has it. */
async function tryLock(transaction: Transaction, lock: number): Promise<boolean> {
  const rows = await transaction
    .select({ mine: sql<boolean>`pg_try_advisory_xact_lock(${lock}::bigint)` })
    .from(sql`(values (1)) as one`);
  return soleRow(rows).mine;
}

async function endOf(reader: Pick<Transaction, "select">): Promise<{ position: number; hash: Uint8Array } | undefined> {
  const [last] = await reader
    .select({ position: auditSeal.position, hash: auditSeal.hash })
    .from(auditSeal)
    .orderBy(desc(auditSeal.position))
    .limit(1);
  return last;
}

function matching({ tokenId, subject, subjects, actor, start, end }: AuditFilter): SQL | undefined {
  return and(
    tokenId && eq(auditEvent.tokenId, toUuid(tokenId)),
    subject === undefined ? undefined : eq(auditEvent.subject, subject),
    subjects && or(...subjects.map((entry) => subjectMatches(auditEvent.subject, entry)), sql`false`),
    actor === undefined ? undefined : eq(auditEvent.actor, actor),
    start && gte(auditEvent.at, start),
    end && lt(auditEvent.at, end),
  );
}

function readEvent(row: EventRow): AuditEvent {
  return {
    id: auditEventIdFromUuid(row.id),
    time: row.at,
    actor: row.actor,
    action: row.action,
    subject: row.subject ?? undefined,
    tokenId: row.tokenId === null ? undefined : tokenIdFromUuid(row.tokenId),
    clientIp: row.clientIp ?? undefined,
    outcome: row.outcome,
    details: row.details,
  };
}
