import { sql } from "drizzle-orm";
import { type AuditEvent, auditEventUuid } from "../domain/audit-event.js";
import { toUuid } from "../domain/ids.js";
import type { Touched } from "../revocation/revocation-store.js";
import type { Database, Orm } from "./database.js";
import { translate } from "./errors.js";
import { revocationChannel } from "./revocation.js";

export type Transaction = Parameters<Parameters<Orm["transaction"]>[0]>[0];

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
}

/**
 * Runs a change of data that decisions or the audit trail depend on. The rows, the audit events, the new epoch and the
 * record of what was touched are committed together or not at all. Fails as `transact` does.
 */
export function transactChange<Result>(
  database: Pick<Database, "orm">,
  change: (transaction: Transaction) => Promise<Change<Result>>,
): Promise<Result> {
  return transact(database, async (transaction) => {
    const { result, events, touched } = await change(transaction);
    const batches = Symbol.asyncIterator in events ? events : [events];
    for await (const batch of batches) await appendEvents(transaction, batch);
    // This comes last: from here to the commit, every other change waits for the row of the epoch.
    await raiseEpoch(transaction, touched);
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
  let committing = false;
  try {
    return await orm.transaction(async (transaction) => {
      const result = await work(transaction);
      committing = true;
      return result;
    });
  } catch (error) {
    throw translate(error, committing ? "OUTCOME_UNKNOWN" : "DATABASE_UNAVAILABLE");
  }
}

async function appendEvents(transaction: Transaction, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({
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
  }));
  // One parameter for all rows: with thousands of parameters, drizzle would take as long to build the statement as the
  // rest of a revocation takes.
  await transaction.execute(sql`
    with written as (
      insert into audit_event (id, at, actor, action, subject, token_id, organization, client_ip, outcome, details)
      select * from json_to_recordset(${JSON.stringify(rows)}::text::json) as event
        (id uuid, at timestamptz, actor text, action text, subject text, token_id uuid, organization text,
          client_ip text, outcome text, details jsonb)
      returning id
    )
    insert into audit_pending (event_id) select id from written`);
}

/** A change that touches more than this is recorded as one that touches everything. */
const mostNamed = 500;

/** Raises the epoch, which puts commits in an order, records what was touched, and notifies the replicas. */
async function raiseEpoch(transaction: Transaction, touched: readonly Touched[]): Promise<void> {
  if (touched.length === 0) return;
  const named: readonly Touched[] = touched.length > mostNamed ? [{ kind: "everything", key: "" }] : touched;
  await transaction.execute(sql`
    with raised as (
      insert into revocation_epoch as now (one, epoch, nonce) values (1, 1, gen_random_uuid())
      on conflict (one) do update set epoch = now.epoch + 1, nonce = excluded.nonce
      returning epoch
    ), recorded as (
      insert into revocation_change (epoch, kind, key)
      select raised.epoch, named.kind, named.key
      from raised, json_to_recordset(${JSON.stringify(named)}::json) as named(kind text, key text)
      on conflict do nothing
    )
    select pg_notify(${revocationChannel}, raised.epoch::text) from raised`);
}
