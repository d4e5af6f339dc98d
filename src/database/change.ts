import { type AuditEvent, auditEventUuid } from "../domain/audit-event.js";
import { toUuid } from "../domain/ids.js";
import type { Touched } from "../revocation/revocation-store.js";
import type { Database, Orm } from "./database.js";
import { type Statements, statementsIn } from "./drizzle.js";
import { translate } from "./errors.js";
import { revocationChannel, revoker } from "./revocation.js";

export type Transaction = Parameters<Parameters<Orm["transaction"]>[0]>[0] & Statements;

/** A statement that writes and returns nothing. */
export interface Write {
  readonly statement: string;
  readonly parameters: readonly string[];
}

/**
 * The result of a change, and what must be committed with it. Both lists are required, so that an empty list is always
 * a deliberate choice.
 */
export interface Change<Result> {
  readonly result: Result;
  /**
   * Events for the audit trail, in which every change must appear. A change of many rows yields its events in batches
   * while they are written, so that they are never all in memory.
   */
  readonly events: readonly AuditEvent[] | AsyncIterable<readonly AuditEvent[]>;
  /** Entries that replicas may have cached and must drop before the caller of the change gets a reply. */
  readonly touched: readonly Touched[];
  /** A last write, which is sent in one statement with the events and the epoch. */
  readonly write?: Write;
}

/**
 * Runs a change of data that decisions or the audit trail depend on. The rows, the audit events, the new epoch and the
 * record of what was touched are committed together or not at all. Fails as `transact` does.
 *
 * The last statement and COMMIT leave together: from the new epoch to the commit, every other change waits for the row
 * of the epoch, and so waits for no message of this process.
 */
export function transactChange<Result>(
  database: Pick<Database, "orm">,
  change: (transaction: Transaction) => Promise<Change<Result>>,
): Promise<Result> {
  return transact(database, async (transaction) => {
    const { result, events, touched, write } = await change(transaction);
    if (!(Symbol.asyncIterator in events)) await transaction.last(...recording(events, touched, write));
    else {
      for await (const batch of events) await transaction.run(...recording(batch, []));
      await transaction.last(...recording([], touched, write));
    }
    return result;
  });
}

/**
 * Runs a transaction for internal bookkeeping that neither decisions nor the audit trail depend on. Fails with
 * DATABASE_UNAVAILABLE when nothing was committed, and with OUTCOME_UNKNOWN when the answer to COMMIT was lost or
 * unclear, so that the change may have been committed.
 */
export async function transact<Result>(
  { orm }: Pick<Database, "orm">,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  let done: Statements | undefined;
  try {
    return await orm.transaction(async (transaction) => {
      const statements = statementsIn(transaction);
      const result = await work(Object.assign(transaction, statements));
      done = statements;
      return result;
    });
  } catch (error) {
    throw translate(error, done?.commitSent() ? "OUTCOME_UNKNOWN" : "DATABASE_UNAVAILABLE");
  }
}

/** A change that touches more than this is recorded as one that touches everything. */
const mostNamed = 500;

/** Returns one statement that writes the events, raises the epoch, notifies the replicas, and writes `write`. */
function recording(
  events: readonly AuditEvent[],
  touched: readonly Touched[],
  write?: Write,
): readonly [statement: string, parameters: readonly string[]] {
  const named: readonly Touched[] = touched.length > mostNamed ? [{ kind: "everything", key: "" }] : touched;
  const parameters = [
    ...(write?.parameters ?? []),
    ...(events.length > 0 ? [JSON.stringify(events.map(eventRow))] : []),
    ...(named.length > 0 ? [JSON.stringify(named)] : []),
  ];
  return [recordStatement(write, events.length > 0, named.length > 0), parameters];
}

/** The statements by their parts. Each is one text, so that it is prepared once for each connection. */
const recordStatements = new Map<string, string>();

function recordStatement(write: Write | undefined, hasEvents: boolean, hasTouched: boolean): string {
  const key = `${hasEvents} ${hasTouched} ${write?.statement}`;
  const known = recordStatements.get(key);
  if (known !== undefined) return known;
  let parameter = (write?.parameters.length ?? 0) + 1;
  const parts = [
    ...(write ? [`written as (${write.statement})`] : []),
    // One parameter for any number of rows.
    ...(hasEvents ? [eventParts(`$${parameter++}`)] : []),
    ...(hasTouched ? [epochParts(`$${parameter++}`)] : []),
  ];
  const statement = `
    ${parts.length > 0 ? `with ${parts.join(", ")}` : ""}
    select ${hasTouched ? `pg_notify('${revocationChannel}', '${revoker}') from raised` : "1"}`;
  recordStatements.set(key, statement);
  return statement;
}

const eventParts = (rows: string): string => `
    event as (
      insert into audit_event (id, at, actor, action, subject, token_id, organization, client_ip, outcome, details)
      select * from json_to_recordset(${rows}::text::json) as event
        (id uuid, at timestamptz, actor text, action text, subject text, token_id uuid, organization text,
          client_ip text, outcome text, details jsonb)
      returning id
    ), pending as (
      insert into audit_pending (event_id) select id from event
    )`;

/** Raises the epoch, which puts commits in an order, and records what was touched. */
const epochParts = (named: string): string => `
    raised as (
      insert into revocation_epoch as now (one, epoch, nonce) values (1, 1, gen_random_uuid())
      on conflict (one) do update set epoch = now.epoch + 1, nonce = excluded.nonce
      returning epoch
    ), recorded as (
      insert into revocation_change (epoch, kind, key)
      select raised.epoch, named.kind, named.key
      from raised, json_to_recordset(${named}::text::json) as named(kind text, key text)
      on conflict do nothing
    )`;

function eventRow(event: AuditEvent): object {
  return {
    id: auditEventUuid(event.id),
    at: event.time,
    actor: event.actor,
    action: event.action,
    subject: event.subject,
    token_id: event.tokenId && toUuid(event.tokenId),
    organization: event.organization,
    client_ip: event.clientIp,
    outcome: event.outcome,
    details: event.details,
  };
}
