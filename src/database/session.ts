import type postgres from "#postgres";

/*
 * A role, a database, a server and a pooler may set much that a session of ours would go by. So
 *
 * - what shapes a change is set by the change itself, for its transaction alone: a pooler gives each transaction another session, and refuses most
 *   parameters at connect;
 * - what is read is asked for in forms that no setting touches: times and counts as whole numbers, bytes in either of their forms, times of columns in
 *   ISO with any offset;
 * - of the rest database-settings.ts demands what we need.
 */

/** Sent at connect. PgBouncer and its like hand it on, since every JDBC driver sends it. */
export const sessionParameters = { DateStyle: "ISO" } as const;

/** How the driver reads and writes what PostgreSQL has more than one text for. */
export const sessionTypes = {
  // Whole numbers of ours are exact in a double. Asked for as float8 they would be rounded as extra_float_digits says.
  int8: { to: 20, from: [20], serialize: String, parse: Number },
  bytea: { to: 17, from: [17], serialize: (bytes: Uint8Array) => `\\x${hex(bytes)}`, parse: readBytes },
};

/** Bytes as PostgreSQL tells them, whichever `bytea_output` says (PostgreSQL, 8.4.1 and 8.4.2). */
export function readBytes(text: string): Buffer {
  if (text.startsWith("\\x")) return Buffer.from(text.slice(2), "hex");
  // A backslash is doubled, and what is not printable is one with three octal digits.
  const bytes = text.replace(/\\(\\|[0-7]{3})/g, (_, escaped: string) =>
    escaped === "\\" ? escaped : String.fromCharCode(Number.parseInt(escaped, 8)),
  );
  return Buffer.from(bytes, "latin1");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/**
 * A time of the years 1 to 9999 as PostgreSQL tells it in ISO, whatever the session's time zone: offsets may have
 * seconds, as those of local times before 1972 do, and the local year may be 10000 or 1 BC.
 */
export function readInstant(text: string): Date {
  const parts =
    /^(\d{4,5})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?([+-])(\d{2,3})(?::(\d\d))?(?::(\d\d))?( BC)?$/.exec(
      text,
    );
  if (!parts)
    throw new Error("the database told a time in another form than ISO: DateStyle must be ISO for its sessions");
  const [, year, month, day, hours, minutes, seconds, fraction = "", sign, ...rest] = parts;
  const [offHours, offMinutes = 0, offSeconds = 0, bc] = rest;
  // Date.UTC takes the years before 100 for those after 1900. There is no year 0.
  const date = new Date(0).setUTCFullYear(bc ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day));
  const time = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  const local = date + time * 1000 + Number(fraction.padEnd(3, "0"));
  const offsetMs = ((Number(offHours) * 60 + Number(offMinutes)) * 60 + Number(offSeconds)) * 1000;
  return new Date(sign === "-" ? local + offsetMs : local - offsetMs);
}

/** Never less than was set. */
const durable = `set_config('synchronous_commit', case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end, true)`;

/** To be a part of the FROM of a statement that commits by itself and must not be forgotten by a crash. */
export const durably = `(select ${durable}) durably`;

/**
 * Set at the begin of each change.
 *
 * - `synchronous_commit`: what was revoked stays revoked after a crash of PostgreSQL, whatever the default is; never less than was set.
 * - `idle_in_transaction_session_timeout`: a replica that stands still between two statements, or is lost there, holds locks that every revocation
 *   waits for, the epoch's among them; TCP would give it two hours.
 * - `tcp_user_timeout`: the same for one that is lost while rows are sent to it, when PostgreSQL does not count it as idle.
 * - `lock_timeout`: who waits for such a lock is told in time, and does not queue up behind it. Above `deadlock_timeout`, which finds a better
 *   reason.
 * - `statement_timeout`: no statement runs on for nobody; longer than any of ours may take.
 */
const settings = (lockTimeout: string, statementTimeout: string): string => `
  select
    ${durable},
    set_config('idle_in_transaction_session_timeout', '5s', true),
    set_config('tcp_user_timeout', '5s', true),
    set_config('lock_timeout', '${lockTimeout}', true),
    set_config('statement_timeout', '${statementTimeout}', true)`;

const changeSettings = settings("1500ms", "6min");

/** A migration may take its time, and waits for another one however long that takes. */
export const migrationSettings = settings("0", "0");

/** The same client, of which each transaction begins with these settings. They take no round trip of their own. */
export function settingChanges<Client extends postgres.Sql>(client: Client, prepare: boolean): Client {
  const begin = (work: (transaction: postgres.TransactionSql) => unknown) =>
    client.begin((transaction) => {
      // Sent with the first statement of the work. When it fails, the driver fails the transaction with its error.
      transaction.unsafe(changeSettings, [], { prepare }).execute();
      return work(transaction);
    });
  return new Proxy(client, { get: (target, name) => (name === "begin" ? begin : Reflect.get(target, name)) });
}

/** The same client, all of whose statements and transactions are parts of one that has begun. */
export function within(client: postgres.Sql, transaction: postgres.TransactionSql): postgres.Sql {
  const begin = (work: (part: postgres.TransactionSql) => unknown) => transaction.savepoint(work);
  return new Proxy(client, {
    get: (target, name) =>
      name === "unsafe" ? transaction.unsafe : name === "begin" ? begin : Reflect.get(target, name),
  });
}
