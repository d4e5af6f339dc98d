import { and, asc, desc, eq, gt, gte, inArray, isNull, lt, lte, ne, or, type SQL, sql } from "drizzle-orm";
import { bigint, check, index, jsonb, type PgColumn, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { AuditFilter, AuditStore } from "../audit/audit-store.js";
import { chainStart, type SealedEvent, seal } from "../audit/chain.js";
import {
  type AuditAction,
  type AuditEvent,
  type AuditEventId,
  auditEventIdFromUuid,
  auditEventUuid,
} from "../domain/audit-event.js";
import type { SubjectName } from "../domain/identifier.js";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import { advisoryLocks } from "./advisory-locks.js";
import { type Transaction, transact, transactChange } from "./change.js";
import { bytea, identifier, instant, readable } from "./columns.js";
import type { Database } from "./database.js";
import { evaluate, guarded } from "./errors.js";
import { subjectMatches } from "./token-conditions.js";

/** Audit events. The server only inserts and selects them, and deletes those that are older than `audit.retention`. */
export const auditEvent = pgTable(
  "audit_event",
  {
    /** The UUIDv7 of the TypeID. Lists are ordered by it. */
    id: uuid("id").primaryKey(),
    at: instant("at").notNull(),
    actor: identifier("actor").notNull(),
    action: text("action").$type<AuditAction>().notNull(),
    subject: identifier("subject"),
    /** No foreign key: a refused call may name a token that does not exist. */
    tokenId: uuid("token_id"),
    /** A key for lists that is not sealed. */
    organization: identifier("organization"),
    clientIp: text("client_ip"),
    outcome: text("outcome").$type<AuditEvent["outcome"]>().notNull(),
    details: jsonb("details").$type<Readonly<Record<string, string>>>().notNull(),
  },
  (table) => [
    ...readable("time", table.at),
    index("audit_event_token").on(table.tokenId, table.id.desc()).where(sql`${table.tokenId} is not null`),
    index("audit_event_subject").on(table.subject, table.id.desc()).where(sql`${table.subject} is not null`),
    index("audit_event_actor").on(table.actor, table.id.desc()),
    index("audit_event_organization").on(table.organization, table.id).where(sql`${table.organization} is not null`),
    index("audit_event_organization_action")
      .on(table.organization, table.action, table.id)
      .where(sql`${table.organization} is not null`),
    index("audit_event_action").on(table.action, table.id),
    index("audit_event_at").on(table.at, table.id.desc()),
    check("audit_event_outcome", sql`${table.outcome} in ('ok', 'refused')`),
  ],
);

/**
 * The chain. The server only inserts and selects seals, and deletes them with their events. No foreign key: deleting
 * old events and verifying the rest must not depend on the order in which rows are deleted.
 */
export const auditSeal = pgTable(
  "audit_seal",
  {
    position: bigint("position", { mode: "number" }).primaryKey(),
    eventId: uuid("event_id").notNull().unique("audit_seal_event"),
    previousHash: bytea("previous_hash").notNull(),
    hash: bytea("hash").notNull(),
  },
  (table) => [
    ...readable("number", table.position),
    check("audit_seal_position", sql`${table.position} > 0`),
    check("audit_seal_lengths", sql`octet_length(${table.previousHash}) = 32 and octet_length(${table.hash}) = 32`),
  ],
);

/**
 * Events that are not sealed yet. A row is inserted with its event and deleted when the event is sealed. Transactions
 * do not commit in the order of event ids, so no position in `audit_event` separates sealed from unsealed events, and
 * an anti-join would read the whole table.
 */
export const auditPending = pgTable("audit_pending", {
  eventId: uuid("event_id").primaryKey(),
});

/** Signed statements about positions in the chain, about one per hour: where it was cut, and where it may be cut. */
export const auditCheckpoint = pgTable(
  "audit_checkpoint",
  {
    position: bigint("position", { mode: "number" }).primaryKey(),
    /** The time when the chain ended at this position. A copy of a signed value, for lookups. */
    at: instant("at").notNull(),
    /** A checkpoint. Once events were cut away, the first row holds the cut instead. */
    statement: text("statement").notNull(),
  },
  (table) => [
    ...readable("number", table.position),
    ...readable("time", table.at),
    index("audit_checkpoint_at").on(table.at),
  ],
);

const hourMs = 3_600_000;

type EventRow = typeof auditEvent.$inferSelect;

const keptCheckpoint = {
  position: auditCheckpoint.position,
  time: auditCheckpoint.at,
  statement: auditCheckpoint.statement,
};

/** Stores audit events and their chain in PostgreSQL or PGlite. */
export function createAuditStore(database: Database): AuditStore {
  return { ...trail(database), ...chain(database), ...checkpoints(database) };
}

function trail(database: Database): Pick<AuditStore, "append" | "list"> {
  return {
    append: (...events) => transactChange(database, async () => ({ result: undefined, events, touched: [] })),

    list: (filter, { size, after }) =>
      guarded(async () => {
        const rows = await database.orm
          .select({ event: auditEvent, seal: auditSeal })
          .from(auditEvent)
          .leftJoin(auditSeal, eq(auditSeal.eventId, auditEvent.id))
          .where(inArray(auditEvent.id, newest(database, filter, after, size + 1)))
          .orderBy(desc(auditEvent.id));
        const entries = rows
          .slice(0, size)
          .map((row) => ({ event: readEvent(row.event), seal: row.seal ?? undefined }));
        return { entries, more: rows.length > size };
      }),
  };
}

/** Selects the ids of the newest events that match. */
function newest({ orm }: Database, filter: AuditFilter, after: AuditEventId | undefined, limit: number) {
  const { organization, actions } = filter;
  const select = (condition: SQL | undefined, ...order: readonly PgColumn[]) =>
    orm
      .select({ id: auditEvent.id })
      .from(auditEvent)
      .where(and(matching(filter), condition, after && lt(auditEvent.id, auditEventUuid(after))))
      .orderBy(...order.map((column) => desc(column)), desc(auditEvent.id))
      .limit(limit);
  if (actions) {
    // The newest of each action: a rare one would otherwise be looked for among all events.
    const each = sql`json_array_elements_text(${JSON.stringify(actions)}::text::json) as each(action)`;
    const ofOrganization = organization && eq(auditEvent.organization, organization);
    const found = select(and(ofOrganization, only(auditEvent.action, sql`each.action`)), auditEvent.action).as("found");
    return orm.select({ id: found.id }).from(each).crossJoinLateral(found).orderBy(desc(found.id)).limit(limit);
  }
  return organization
    ? select(only(auditEvent.organization, sql`${organization}`), auditEvent.organization)
    : select(undefined);
}

/**
 * Matches one value, as a range. After an equality, PostgreSQL would know that the order by this column and id is that
 * by id alone. It would then read all events from the newest on, if it believes that many match. Only an index that has
 * this column before the id has the order by both.
 */
function only(column: PgColumn, value: SQL): SQL {
  return sql`${column} between ${value} and ${value}`;
}

function chain(database: Database): Pick<AuditStore, "sealNext" | "readSealed" | "lastSeal" | "findUnsealed"> {
  return {
    sealNext: (limit) =>
      transact(database, async (transaction) => {
        if (!(await tryLock(transaction, advisoryLocks.seal))) return 0;
        // These statements run after the lock is taken, so they see what its previous holder committed.
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
        const rows = await database.orm
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

    lastSeal: () => guarded(() => endOf(database.orm)),

    findUnsealed: (after, limit) =>
      guarded(async () => {
        const next = database.orm
          .select({ id: auditEvent.id })
          .from(auditEvent)
          .where(after && gt(auditEvent.id, auditEventUuid(after)))
          .orderBy(asc(auditEvent.id))
          .limit(limit)
          .as("next");
        const rows = await database.orm
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
  };
}

type Checkpoints = Pick<
  AuditStore,
  | "keepCheckpoint"
  | "checkpointsBelow"
  | "firstCheckpoint"
  | "lastCheckpointBefore"
  | "restate"
  | "cut"
  | "deleteBefore"
>;

function checkpoints(database: Database): Checkpoints {
  return {
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
        database.orm
          .select(keptCheckpoint)
          .from(auditCheckpoint)
          .where(lt(auditCheckpoint.position, position))
          .orderBy(desc(auditCheckpoint.position))
          .limit(limit),
      ),

    firstCheckpoint: () =>
      guarded(async () => {
        const [first] = await database.orm
          .select(keptCheckpoint)
          .from(auditCheckpoint)
          .orderBy(asc(auditCheckpoint.position))
          .limit(1);
        return first;
      }),

    lastCheckpointBefore: (time) =>
      guarded(async () => {
        const [last] = await database.orm
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
        if (!(await tryLock(transaction, advisoryLocks.cut))) return 0;
        const old = await transaction
          .select({ position: auditSeal.position, eventId: auditSeal.eventId })
          .from(auditSeal)
          .where(lt(auditSeal.position, position))
          .orderBy(asc(auditSeal.position))
          .limit(limit);
        const last = old.at(-1);
        if (!last) return 0;
        // Deleted together: an event without a seal would look like one that the server did not insert.
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

/** Takes an advisory lock until the transaction ends. Returns false when another process holds the lock. */
async function tryLock(transaction: Transaction, lock: number): Promise<boolean> {
  return evaluate(transaction, sql<boolean>`pg_try_advisory_xact_lock(${lock}::bigint)`);
}

async function endOf(reader: Pick<Transaction, "select">): Promise<{ position: number; hash: Uint8Array } | undefined> {
  const [last] = await reader
    .select({ position: auditSeal.position, hash: auditSeal.hash })
    .from(auditSeal)
    .orderBy(desc(auditSeal.position))
    .limit(1);
  return last;
}

/** Returns the conditions of a filter, except for organization and actions. */
function matching(filter: AuditFilter): SQL | undefined {
  const { tokenId, subject, subjects, actor, exceptAction, start, end } = filter;
  return and(
    tokenId && eq(auditEvent.tokenId, toUuid(tokenId)),
    subject === undefined ? undefined : eq(auditEvent.subject, subject),
    subjects && or(...subjects.map((entry) => subjectMatches(auditEvent.subject, entry)), sql`false`),
    actor === undefined ? undefined : eq(auditEvent.actor, actor),
    exceptAction && ne(auditEvent.action, exceptAction),
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
    organization: (row.organization ?? undefined) as SubjectName | undefined,
    clientIp: row.clientIp ?? undefined,
    outcome: row.outcome,
    details: row.details,
  };
}
