import type postgres from "#postgres";

/*
 * A role, a database, a server or a pooler may set parameters that our sessions depend on. So
 *
 * - each change sets the parameters that it needs, for its own transaction alone: a pooler may run each transaction in
 *   another session, and refuses most parameters at connect;
 * - reads use formats that no parameter changes: times and counts as whole numbers, bytes in either format, times of
 *   columns in ISO format with any offset;
 * - settings.ts verifies the rest.
 */

/** Sent at connect. Poolers such as PgBouncer pass it on, since every JDBC driver sends it. */
export const sessionParameters = { DateStyle: "ISO" } as const;

/** How the driver reads and writes types for which PostgreSQL has more than one text format. */
export const sessionTypes = {
  // Our whole numbers are exact in a double. Selected as float8, they would be rounded as extra_float_digits says.
  int8: { to: 20, from: [20], serialize: String, parse: Number },
  bytea: { to: 17, from: [17], serialize: (bytes: Uint8Array) => `\\x${hex(bytes)}`, parse: readBytes },
};

/** Reads bytes in either format of `bytea_output` (PostgreSQL, 8.4.1 and 8.4.2). */
export function readBytes(text: string): Buffer {
  if (text.startsWith("\\x")) return Buffer.from(text.slice(2), "hex");
  // A backslash is doubled; an unprintable byte is a backslash with three octal digits.
  const bytes = text.replace(/\\(\\|[0-7]{3})/g, (_, escaped: string) =>
    escaped === "\\" ? escaped : String.fromCharCode(Number.parseInt(escaped, 8)),
  );
  return Buffer.from(bytes, "latin1");
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/**
 * Reads a time of the years 1 to 9999 in the ISO format of PostgreSQL, in any time zone of the session. Offsets may
 * have seconds, as those of local times before 1972 do, and the local year may be 10000 or 1 BC.
 */
export function readInstant(text: string): Date {
  const parts =
    /^(\d{4,5})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?([+-])(\d{2,3})(?::(\d\d))?(?::(\d\d))?( BC)?$/.exec(
      text,
    );
  if (!parts)
    throw new Error(
      "the database sent a time that is not in ISO format; set DateStyle to ISO for the role or database",
    );
  const [, year, month, day, hours, minutes, seconds, fraction = "", sign, ...rest] = parts;
  const [offHours, offMinutes = 0, offSeconds = 0, bc] = rest;
  // Date.UTC reads the years 0 to 99 as 1900 to 1999. There is no year 0.
  const date = new Date(0).setUTCFullYear(bc ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day));
  const time = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  const local = date + time * 1000 + Number(fraction.padEnd(3, "0"));
  const offsetMs = ((Number(offHours) * 60 + Number(offMinutes)) * 60 + Number(offSeconds)) * 1000;
  return new Date(sign === "-" ? local + offsetMs : local - offsetMs);
}

/** An expression that makes the commit durable, and keeps a stricter setting. */
const durable = `set_config(
  'synchronous_commit',
  case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end,
  true
)`;

/** A part of the FROM clause for a statement that commits by itself and must survive a crash. */
export const durably = `(select ${durable}) durably`;

/**
 * Returns the statement that sets the parameters of a change when it begins.
 *
 * - `synchronous_commit`: a revocation survives a crash of PostgreSQL, whatever the default is.
 * - `idle_in_transaction_session_timeout`: a replica that is suspended or lost between two statements would hold locks
 *   that every revocation waits for, including the lock of the epoch; TCP alone would allow this for two hours.
 * - `tcp_user_timeout`: the same for a replica that is lost while rows are sent to it; PostgreSQL does not count it as
 *   idle.
 * - `lock_timeout`: a call that waits for such a lock fails in time instead of queueing. Longer than
 *   `deadlock_timeout`, whose error says more.
 * - `statement_timeout`: no statement keeps running after its client is lost. Longer than any of our statements may
 *   take.
 * - `jit`: off. PostgreSQL overrates statements with subqueries; compiling them takes longer, up to a second, than
 *   running them.
 */
const settings = (lockTimeout: string, statementTimeout: string): string => `
  select
    ${durable},
    set_config('idle_in_transaction_session_timeout', '5s', true),
    set_config('tcp_user_timeout', '5s', true),
    set_config('lock_timeout', '${lockTimeout}', true),
    set_config('statement_timeout', '${statementTimeout}', true),
    set_config('jit', 'off', true)`;

const changeSettings = settings("1500ms", "6min");

/** The settings of a migration, which may run and wait for another migration without a limit. */
export const migrationSettings = settings("0", "0");

/** Returns the same client, whose transactions begin with the settings of a change. They cost no extra round trip. */
export function settingChanges<Client extends postgres.Sql>(client: Client, prepare: boolean): Client {
  // Without this, the driver does not prepare a statement that has no parameters (postgres 3.4.9, index.js).
  const options = { prepare, simple: !prepare };
  const begin = (work: (transaction: postgres.TransactionSql) => unknown) =>
    client.begin((transaction) => {
      // Sent together with the first statement of `work`. If they fail, the driver fails the transaction.
      transaction.unsafe(changeSettings, [], options).execute();
      return work(transaction);
    });
  return new Proxy(client, { get: (target, name) => (name === "begin" ? begin : Reflect.get(target, name)) });
}

/** Returns the same client, whose statements and transactions all run inside `transaction`. */
export function within(client: postgres.Sql, transaction: postgres.TransactionSql): postgres.Sql {
  const begin = (work: (part: postgres.TransactionSql) => unknown) => transaction.savepoint(work);
  return new Proxy(client, {
    get: (target, name) =>
      name === "unsafe" ? transaction.unsafe : name === "begin" ? begin : Reflect.get(target, name),
  });
}
