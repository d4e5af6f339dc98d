import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { type SubjectFacts, type SubjectState, unmentionedSubject } from "../domain/subject-state.js";
import { identifier, instant, readable } from "./columns.js";

/** Subjects that have or had a token, or were disabled or deleted. */
export const subject = pgTable(
  "subject",
  {
    name: identifier("name").primaryKey(),
    state: text("state").$type<SubjectState>().notNull(),
    generation: integer("generation").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (table) => readable("time", table.updatedAt),
);

/** Returns the facts of a subject from its row. A subject that was never mentioned has no row. */
export function subjectFacts(
  row: Pick<typeof subject.$inferSelect, "state" | "generation"> | null | undefined,
): SubjectFacts {
  return row ? { state: row.state, generation: row.generation } : unmentionedSubject;
}
