import { inArray, sql } from "drizzle-orm";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";

/** A setting that must have certain values in our sessions and that our statements cannot set themselves. */
interface Need {
  readonly name: string;
  /** The allowed values, as an error shows them. */
  readonly value: string;
  readonly admits: (value: string) => boolean;
  /** The advice to the operator about another value. Default `usualCure`. */
  readonly cure?: string;
}

const usualCure = "Set them for the role or database (ALTER ROLE … SET), or in the pooler";

const exactly = (name: string, value: string): Need => ({ name, value, admits: (found) => found === value });

/** Times in pg_settings are milliseconds. */
const noTimeoutUnder = (name: string, seconds: number): Need => ({
  name,
  value: `0 or at least ${seconds}s`,
  admits: (found) => Number(found) === 0 || Number(found) >= seconds * 1000,
});

const needs: readonly Need[] = [
  // A standby may lag behind: a row that it lacks would look like no row, even the row of a token that must be revoked.
  {
    ...exactly("in_hot_standby", "off"),
    cure:
      "The server is a standby: use the primary, or all hosts with target_session_attrs=read-write, " +
      "in the URL of the database",
  },
  // The formats of what we read and write.
  { name: "DateStyle", value: "ISO", admits: (found) => /^ISO\b/.test(found) },
  exactly("client_encoding", "UTF8"),
  exactly("server_encoding", "UTF8"),
  // The schema of our tables: the first one that exists. The text of the setting may name missing schemas.
  {
    name: "search_path",
    value: "a path whose first existing schema is public",
    admits: (found) => found === "public",
  },
  // These apply to statements that commit by themselves.
  exactly("default_transaction_read_only", "off"),
  exactly("default_transaction_isolation", "read committed"),
  // With another value foreign keys check nothing and cascade nothing.
  exactly("session_replication_role", "origin"),
  // Otherwise a damaged page would be read as an empty one, and a revocation could be lost.
  exactly("zero_damaged_pages", "off"),
  exactly("ignore_checksum_failure", "off"),
  // Shorter times would end lookups and changes before they are answered, and connections between two heartbeats.
  noTimeoutUnder("statement_timeout", 1),
  noTimeoutUnder("transaction_timeout", 1),
  noTimeoutUnder("idle_in_transaction_session_timeout", 1),
  noTimeoutUnder("idle_session_timeout", 30),
];

/**
 * Throws when a role, a database, a server or a pooler gives our sessions settings that they cannot work with. The
 * error names each setting, its value, and what it must be. Resolves with warnings for the operator.
 */
export async function verifySettings({ orm }: Pick<Database, "orm">): Promise<readonly string[]> {
  const names = [...needs.map(({ name }) => name), "fsync"];
  const rows = await guarded(() =>
    orm
      .select({ name: sql<string>`name`, value: sql<string>`value` })
      .from(
        sql`(
          select name, case name when 'search_path' then coalesce((current_schemas(false))[1], '') else setting end
          from pg_settings
        ) as found(name, value)`,
      )
      .where(inArray(sql`name`, names)),
  );
  const found = new Map(rows.map(({ name, value }) => [name, value]));
  const wrong = needs.flatMap(({ name, value, admits, cure = usualCure }) => {
    // PostgreSQL 17 introduced transaction_timeout.
    const inForce = found.get(name) ?? (name === "transaction_timeout" ? "0" : "");
    return admits(inForce) ? [] : [{ fault: `${name} is ${inForce || "empty"} and must be ${value}`, cure }];
  });
  if (wrong.length > 0) {
    const faults = wrong.map(({ fault }) => fault).join("; ");
    const cures = [...new Set(wrong.map(({ cure }) => cure))].join(". ");
    throw new Error(`unsuitable settings of PostgreSQL: ${faults}. ${cures}`);
  }
  return found.get("fsync") === "off"
    ? ["fsync of PostgreSQL is off: a crash of the database machine may undo revocations"]
    : [];
}
