import { sql } from "drizzle-orm";
import { bigint, check, index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { AuditAction, AuditEvent } from "../domain/audit-event.js";
import { bytea, identifier, instant, readable } from "./schema.js";

/** What happened. The server only ever inserts and selects, and deletes nothing but what is older than `audit.retention`. */
export const auditEvent = pgTable(
  "audit_event",
  {
    /** UUIDv7 of the TypeID: lists are ordered by it. */
    id: uuid("id").primaryKey(),
    at: instant("at").notNull(),
    actor: identifier("actor").notNull(),
    action: text("action").$type<AuditAction>().notNull(),
    subject: identifier("subject"),
    /** No reference: a refused call may name a token that does not exist. */
    tokenId: uuid("token_id"),
    clientIp: text("client_ip"),
    outcome: text("outcome").$type<AuditEvent["outcome"]>().notNull(),
    details: jsonb("details").$type<Readonly<Record<string, string>>>().notNull(),
  },
  (table) => [
    ...readable("time", table.at),
    index("audit_event_token").on(table.tokenId, table.id.desc()).where(sql`${table.tokenId} is not null`),
    index("audit_event_subject").on(table.subject, table.id.desc()).where(sql`${table.subject} is not null`),
    index("audit_event_actor").on(table.actor, table.id.desc()),
    index("audit_event_at").on(table.at, table.id.desc()),
    check("audit_event_outcome", sql`${table.outcome} in ('ok', 'refused')`),
  ],
);

/**
 * The chain. The server treats it as it does the events. No reference to the event: a cut of old events and an audit of the rest must not
 * hang on the order in which rows go.
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
 * Events that wait for their seal, written with the event and deleted with its seal. Transactions end in another order than their ids have,
 * so no position in `audit_event` tells what has been sealed; and the anti-join that would tell reads everything.
 */
export const auditPending = pgTable("audit_pending", {
  eventId: uuid("event_id").primaryKey(),
});

/** Places of the chain with what the server signed about them, about one an hour: where it was cut, and where it may be. */
export const auditCheckpoint = pgTable(
  "audit_checkpoint",
  {
    position: bigint("position", { mode: "number" }).primaryKey(),
    /** When the chain ended there. A copy of what is signed, to find it by. */
    at: instant("at").notNull(),
    /** A checkpoint; of the first row, once something was cut away, a cut. */
    statement: text("statement").notNull(),
  },
  (table) => [
    ...readable("number", table.position),
    ...readable("time", table.at),
    index("audit_checkpoint_at").on(table.at),
  ],
);
