import { sql } from "drizzle-orm";
import type { Database } from "../../src/store/database.js";

const statements = [
  `create table if not exists audit_event (
    id uuid primary key, at timestamptz(3) not null, actor text collate "C" not null, action text not null,
    subject text collate "C", token_id uuid, client_ip text, outcome text not null, details jsonb not null)`,
  `create table if not exists audit_seal (
    position bigint primary key, event_id uuid not null unique, previous_hash bytea not null, hash bytea not null)`,
  "create table if not exists audit_pending (event_id uuid primary key)",
];

/** The tables of store/audit-schema.ts, where no migration has made them. */
export async function createAuditTables({ orm }: Database): Promise<void> {
  for (const statement of statements) await orm.execute(sql.raw(statement));
}
