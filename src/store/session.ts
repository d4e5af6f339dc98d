import type postgres from "#postgres";

/*
 * A role, a database, a server and a pooler may set much that a session of ours would go by. What shapes a change is set by the change itself, for
 * its transaction alone: a pooler gives each transaction another session, and refuses most parameters at connect.
 */

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
    set_config('synchronous_commit', case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end, true),
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
