import { sql } from "drizzle-orm";
import { bigint, check, index, pgTable, primaryKey, smallint, text, uuid } from "drizzle-orm/pg-core";
import type { Reason } from "../domain/reason.js";
import { bytea, identifier, instant, readable } from "./schema.js";

/** Decisions of an hour. Only added to, and only while the hour is open. */
export const usage = pgTable(
  "usage",
  {
    /** Its first moment. */
    hour: instant("hour").notNull(),
    /** No reference, here and below: checking one would lock the row of the token. */
    tokenId: uuid("token_id").notNull(),
    action: identifier("action").notNull(),
    reason: text("reason").$type<Reason>().notNull(),
    subject: identifier("subject").notNull(),
    /** That the token is bound to or is; empty when there is none. */
    organization: identifier("organization").notNull(),
    /** Read as sums alone, which may be beyond what a double holds. */
    count: bigint("count", { mode: "bigint" }).notNull(),
    units: bigint("units", { mode: "bigint" }).notNull(),
  },
  (table) => [
    ...readable("time", table.hour),
    primaryKey({ columns: [table.hour, table.tokenId, table.action, table.reason] }),
    index("usage_token").on(table.tokenId, table.hour),
    index("usage_subject").on(table.subject, table.hour),
    index("usage_organization").on(table.organization, table.hour),
  ],
);

/**
 * Where open hours begin, as one row. Whoever adds to `usage` holds it with a share lock, so that it cannot move over an hour that is being written
 * to: who sees it past an hour sees all of that hour.
 */
export const usageWatermark = pgTable(
  "usage_watermark",
  {
    one: smallint("one").primaryKey(),
    /** The first moment of the first open hour. */
    openFrom: instant("open_from").notNull(),
  },
  (table) => [...readable("time", table.openFrom), check("usage_watermark_one", sql`${table.one} = 1`)],
);

/** The last batch of each process that was added: a repeat after a lost COMMIT finds its number here. */
export const usageBatch = pgTable(
  "usage_batch",
  {
    replicaId: uuid("replica_id").primaryKey(),
    sequence: bigint("sequence", { mode: "number" }).notNull(),
    addedAt: instant("added_at").notNull(),
  },
  (table) => [...readable("number", table.sequence), ...readable("time", table.addedAt)],
);

/** Usage ids of the last day. */
export const usageId = pgTable(
  "usage_id",
  {
    /** SHA-256 over subject and id, its first 16 bytes: ids are of any length and may say something about people. */
    digest: bytea("digest").primaryKey(),
    billedAt: instant("billed_at").notNull(),
  },
  (table) => [...readable("time", table.billedAt), index("usage_id_billed_at").on(table.billedAt)],
);

/** When a token or one of its secrets was last used. Apart from their own rows, so that nothing ever waits for it. */
export const lastUse = pgTable(
  "last_use",
  {
    /** The id of a token or of a secret: both are UUIDv7, which no two things share. */
    id: uuid("id").primaryKey(),
    usedAt: instant("used_at").notNull(),
    /** Null: not told. */
    address: text("address"),
  },
  (table) => readable("time", table.usedAt),
);
