import { sql } from "drizzle-orm";
import { index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import type { LeakReporter } from "../leaks/leak.js";
import { instant, readable, token } from "./schema.js";

/** Tokens that were reported as leaked, by the first report. */
export const leakedToken = pgTable(
  "leaked_token",
  {
    tokenId: uuid("token_id")
      .primaryKey()
      .references(() => token.id),
    reporter: text("reporter").$type<LeakReporter>().notNull(),
    source: text("source").notNull(),
    url: text("url").notNull(),
    hint: text("hint").notNull(),
    reportedAt: instant("reported_at").notNull(),
    /** How often somebody was to be told. */
    attempts: integer("attempts").notNull(),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    /** Null: nobody knows of it yet. */
    notifiedAt: instant("notified_at"),
  },
  (table) => [
    ...readable("time", table.reportedAt, table.nextAttemptAt, table.notifiedAt),
    index("leaked_token_waiting").on(table.nextAttemptAt).where(sql`${table.notifiedAt} is null`),
  ],
);
