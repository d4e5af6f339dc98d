import { createHash } from "node:crypto";
import postgres from "postgres";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { tokenIdFromUuid } from "../../src/domain/ids.js";
import { PepperRing } from "../../src/domain/pepper.js";
import type { Port } from "../../test/kit/ports.js";
import { testPepper } from "../../test/kit/server.js";
import { subjectOf, userCount } from "./workload.js";

/**
 * Tokens are numbered; token n belongs to user n mod 1,000. The secrets of the first ones are the same in every run.
 * The others have digests for which no secret is known.
 */

/** The number of tokens whose secrets a run can use. */
export const usableTokens = 50_000;

/** Returns the secrets of tokens 0 to `count` - 1. */
export function secretsOf(count: number): readonly string[] {
  return mint(count).map(({ text }) => text);
}

function mint(count: number) {
  let drawn = 0;
  const random = (length: number) => createHash("sha512").update(`bench ${drawn++}`).digest().subarray(0, length);
  const key = Buffer.from(testPepper, "base64");
  const ring = new PepperRing("pw", [{ version: 1, key, active: true }], random);
  return Array.from({ length: count }, () => ring.mint("pat"));
}

/** Returns the id of token `number`. */
export function tokenId(number: number): string {
  const hex = createHash("md5").update(`token ${number}`).digest("hex");
  return tokenIdFromUuid(`${hex.slice(0, 12)}4${hex.slice(13, 16)}8${hex.slice(17)}`);
}

/** The same in SQL, with the digits that make a UUID a version 4. */
const uuidFunction = `create function pg_temp.uuid_of(name text) returns uuid immutable language sql
  return overlay(overlay(md5(name) placing '4' from 13) placing '8' from 17)::uuid`;

/**
 * Fills the database up to `rows` tokens, unless it has them. Each is a copy of one that the server on this port makes,
 * so this code knows only the names of the columns for ids, subject and digest.
 */
export async function seedTokens(databaseUrl: string, port: Port, rows: number): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  try {
    const [{ count: there } = { count: 0 }] = await sql<{ count: number }[]>`select count(*)::int as count from token`;
    if (there >= rows) return;
    const made = await port.call(TokenService.method.createToken, {
      subject: subjectOf(0),
      name: "bench",
      grant: { full: true },
    });
    if (!made.ok) throw new Error(`no token to copy: ${made.code} ${made.message}`);
    await fill(sql, rows);
  } finally {
    await sql.end();
  }
}

async function fill(sql: postgres.Sql, rows: number): Promise<void> {
  const digests = mint(Math.min(rows, usableTokens)).map(({ digest }) => Buffer.from(digest).toString("hex"));
  // Checking a million references takes as long as writing them.
  await sql`set session_replication_role = replica`;
  await sql.unsafe(uuidFunction);
  await sql`create temporary table known (number bigint primary key, digest bytea not null)`;
  await sql`insert into known select number - 1, decode(digest, 'hex') from unnest(${digests}::text[]) with ordinality as d(digest, number)`;
  await copyRow(sql, "subject", { name: `'user:u' || number` }, `generate_series(1, ${userCount - 1}) as number`);
  await copyRow(
    sql,
    "token_secret",
    {
      id: "pg_temp.uuid_of('secret ' || number)",
      token_id: "pg_temp.uuid_of('token ' || number)",
      digest: "coalesce(known.digest, sha256(('digest ' || number)::bytea))",
    },
    `generate_series(0, ${rows - 1}) as number left join known using (number)`,
  );
  await copyRow(
    sql,
    "token",
    { id: "pg_temp.uuid_of('token ' || number)", subject: `'user:u' || number % ${userCount}` },
    `generate_series(0, ${rows - 1}) as number`,
  );
  await sql.unsafe("vacuum analyze");
  await sql.unsafe("checkpoint");
}

/** Copies one row of the table once for each row of `source`, with different values in some columns. */
async function copyRow(
  sql: postgres.Sql,
  table: string,
  columns: Readonly<Record<string, string>>,
  source: string,
): Promise<void> {
  const all = await sql<{ name: string }[]>`
    select column_name as name from information_schema.columns where table_name = ${table} order by ordinal_position`;
  await sql.unsafe(`insert into ${table} (${all.map(({ name }) => name).join(", ")})
    select ${all.map(({ name }) => columns[name] ?? `t.${name}`).join(", ")}
    from (select * from ${table} limit 1) as t, ${source}`);
}
