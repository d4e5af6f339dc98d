import { type Changes, maxChanges, type RevocationStore } from "../revocation/revocation-store.js";
import type { Database } from "./database.js";
import { guarded, soleRow } from "./errors.js";
import { durably } from "./session.js";

export const revocationChannel = "patwarden_revocation";

// Durable, this and renewals: a revoker would not wait for a replica whose registration a crash took back, and would take one for silent that it has
// seen at the same renewal.
const registerStatement = `
  insert into replica_lease (replica_id, incarnation, acked_epoch, lease_ms)
  select $1::uuid, $2::uuid, 0, $3::integer from ${durably}
  on conflict (replica_id) do update
    set incarnation = excluded.incarnation, acked_epoch = 0, renewal = 0, lease_ms = excluded.lease_ms`;

const newsAfter = (seen: string): string => `
    coalesce((select epoch from revocation_epoch), 0)::int8 as epoch,
    coalesce((select nonce from revocation_epoch)::text, '') as nonce,
    (select coalesce(json_agg(changed order by changed.epoch), '[]') from (
      select epoch, kind, key from revocation_change where epoch > ${seen}::bigint order by epoch limit ${maxChanges + 1}
    ) changed) as changes`;

// One statement, so one snapshot: what it reads of epoch and changes is what is acknowledged afterwards.
const newsStatement = `select ${newsAfter("$1")}`;

const renewStatement = `
  update replica_lease
  set renewal = renewal + 1, acked_epoch = greatest(acked_epoch, $3::bigint)
  from ${durably}
  where replica_id = $1 and incarnation = $2
  returning (extract(epoch from clock_timestamp()) * 1000)::int8 as "databaseTimeMs", ${newsAfter("$3")}`;

// Its commit does not wait for the disk: what the replica has dropped stays dropped, also when the database forgets that it said so.
const acknowledgeStatement = `
  update replica_lease
  set acked_epoch = greatest(acked_epoch, $3::bigint)
  from (select set_config('synchronous_commit', 'off', true)) unhurried
  where replica_id = $1 and incarnation = $2
  returning 1 as one`;

const leasesStatement = `
  select
    coalesce((select epoch from revocation_epoch), 0)::int8 as epoch,
    (select coalesce(json_agg(json_build_object(
      'replicaId', replica_id,
      'incarnation', incarnation,
      'ackedEpoch', acked_epoch,
      'leaseMs', lease_ms,
      'renewal', renewal
    )), '[]') from replica_lease) as rows`;

const removeStatement = `
  delete from replica_lease using json_to_recordset(($1::text)::json) as over("replicaId" uuid, incarnation uuid, renewal bigint)
  where replica_id = over."replicaId" and replica_lease.incarnation = over.incarnation and replica_lease.renewal = over.renewal`;

/** Epoch, changes and leases in PostgreSQL or PGlite. */
export function createRevocationStore(database: Database): RevocationStore {
  // A connection of its own: renewals must not queue behind anything.
  const run = <Row>(statement: string, ...parameters: unknown[]) =>
    guarded(() => database.urgent<Row>(statement, parameters));
  return {
    async register({ replicaId, incarnation }, leaseMs) {
      await run(registerStatement, replicaId, incarnation, leaseMs);
    },
    async renew({ replicaId, incarnation }, seen) {
      const [row] = await run<NonNullable<Awaited<ReturnType<RevocationStore["renew"]>>>>(
        renewStatement,
        replicaId,
        incarnation,
        seen,
      );
      return row;
    },
    async changesSince(seen) {
      return soleRow(await run<Changes>(newsStatement, seen));
    },
    async acknowledge({ replicaId, incarnation }, seen) {
      return (await run(acknowledgeStatement, replicaId, incarnation, seen)).length > 0;
    },
    async leave({ replicaId, incarnation }) {
      await run("delete from replica_lease where replica_id = $1 and incarnation = $2", replicaId, incarnation);
    },
    async leases() {
      return soleRow(await run<Awaited<ReturnType<RevocationStore["leases"]>>>(leasesStatement));
    },
    async remove(rows) {
      await run(removeStatement, JSON.stringify(rows));
    },
    async trim(keep) {
      await run("delete from revocation_change where epoch <= (select epoch from revocation_epoch) - $1::bigint", keep);
    },
    listen: (onChange) => database.listen(revocationChannel, onChange),
  };
}
