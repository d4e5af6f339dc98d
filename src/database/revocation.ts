import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { bigint, check, integer, pgTable, primaryKey, smallint, text, uuid } from "drizzle-orm/pg-core";
import { type Changes, maxChanges, type Renewal, type RevocationStore } from "../revocation/revocation-store.js";
import { identifier, readable } from "./columns.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { durably } from "./session.js";

/** The epoch, in a single row. Each change of data that replicas may have cached raises it. */
export const revocationEpoch = pgTable(
  "revocation_epoch",
  {
    one: smallint("one").primaryKey(),
    epoch: bigint("epoch", { mode: "number" }).notNull(),
    /**
     * New with each epoch. The same epoch with another nonce belongs to another history, for example after a failover.
     */
    nonce: uuid("nonce").notNull(),
  },
  (table) => [...readable("number", table.epoch), check("revocation_epoch_one", sql`${table.one} = 1`)],
);

/** The tokens, subjects and policies that the change of each epoch touched. */
export const revocationChange = pgTable(
  "revocation_change",
  {
    epoch: bigint("epoch", { mode: "number" }).notNull(),
    kind: text("kind").$type<"token" | "subject" | "policy" | "everything">().notNull(),
    /** The id of a token, the name of a subject, the scope of a policy, or empty. */
    key: identifier("key").notNull(),
  },
  (table) => [...readable("number", table.epoch), primaryKey({ columns: [table.epoch, table.kind, table.key] })],
);

/** Replicas that may serve cached token records. A row is deleted only when its lease must have expired. */
export const replicaLease = pgTable(
  "replica_lease",
  {
    replicaId: uuid("replica_id").primaryKey(),
    /** New with each registration. */
    incarnation: uuid("incarnation").notNull(),
    /** The replica has dropped everything that changes up to this epoch touched. */
    ackedEpoch: bigint("acked_epoch", { mode: "number" }).notNull(),
    /**
     * The number of renewals. While it stays the same, the lease was not extended. Not a time, since clocks can be set.
     */
    renewal: bigint("renewal", { mode: "number" }).notNull().default(0),
    leaseMs: integer("lease_ms").notNull(),
  },
  (table) => readable("number", table.ackedEpoch, table.renewal),
);

/** The channel of all changes. The payload is the name of the revoker. */
export const revocationChannel = "patwarden_revocation";
/** The name of this process, on whose channel replicas tell that they have acknowledged its changes. */
export const revoker = randomBytes(8).toString("hex");
const acknowledgedChannel = (name: string): string => `patwarden_acknowledged_${name}`;
/** The most revokers that are notified by one acknowledgement. The others look for it themselves. */
const mostRevokers = 100;

// Registrations and renewals are durable. If a crash lost a registration, revocations would not wait for that replica;
// if it lost a renewal, they would treat the replica as silent.
const registerStatement = `
  insert into replica_lease (replica_id, incarnation, acked_epoch, lease_ms)
  select $1::uuid, $2::uuid, 0, $3::integer from ${durably}
  on conflict (replica_id) do update
    set incarnation = excluded.incarnation, acked_epoch = 0, renewal = 0, lease_ms = excluded.lease_ms`;

const changesAfter = (seen: string): string => `
    coalesce((select epoch from revocation_epoch), 0)::int8 as epoch,
    coalesce((select nonce from revocation_epoch)::text, '') as nonce,
    (select coalesce(json_agg(changed order by changed.epoch), '[]') from (
      select epoch, kind, key from revocation_change where epoch > ${seen}::bigint
      order by epoch limit ${maxChanges + 1}
    ) changed) as changes`;

// One statement, so one snapshot: the epoch and the changes that it reads belong together.
const changesStatement = `select ${changesAfter("$1")}`;

const renewStatement = `
  update replica_lease
  set renewal = renewal + 1, acked_epoch = greatest(acked_epoch, $3::bigint)
  from ${durably}
  where replica_id = $1 and incarnation = $2
  returning (extract(epoch from clock_timestamp()) * 1000)::int8 as "databaseTimeMs", ${changesAfter("$3")}`;

// The commit does not wait for the disk: dropped entries stay dropped, even if a crash loses this.
const acknowledgeStatement = `
  update replica_lease
  set acked_epoch = greatest(acked_epoch, $3::bigint)
  from (select set_config('synchronous_commit', 'off', true)) unhurried
  where replica_id = $1 and incarnation = $2
  returning (
    select count(*) from unnest(($4::text)::text[]) as name, pg_notify('${acknowledgedChannel("")}' || name, '')
  ) as told`;

// Parts of one statement do not see what the others write.
const leasesStatement = `
  with own as (
    update replica_lease
    set acked_epoch = $3::bigint
    from (select set_config('synchronous_commit', 'off', true)) unhurried
    where replica_id = $1::uuid and incarnation = $2::uuid and acked_epoch < $3::bigint
  )
  select
    coalesce((select epoch from revocation_epoch), 0)::int8 as epoch,
    (select coalesce(json_agg(json_build_object(
      'replicaId', replica_id,
      'incarnation', incarnation,
      'ackedEpoch', case
        when replica_id = $1::uuid and incarnation = $2::uuid then greatest(acked_epoch, $3::bigint) else acked_epoch
      end,
      'leaseMs', lease_ms,
      'renewal', renewal
    )), '[]') from replica_lease) as rows`;

const removeStatement = `
  delete from replica_lease
  using json_to_recordset(($1::text)::json) as over("replicaId" uuid, incarnation uuid, renewal bigint)
  where replica_id = over."replicaId" and replica_lease.incarnation = over.incarnation
    and replica_lease.renewal = over.renewal`;

/** Stores the epoch, changes and leases in PostgreSQL or PGlite. */
export function createRevocationStore(database: Database): RevocationStore {
  // On a separate connection: renewals must not queue behind anything.
  const run = <Row>(statement: string, ...parameters: unknown[]) =>
    guarded(() => database.urgent<Row>(statement, parameters));
  /** Revokers whose notifications have come since the last acknowledgement. */
  const awaiting = new Set<string>();
  return {
    async register({ replicaId, incarnation }, leaseMs) {
      await run(registerStatement, replicaId, incarnation, leaseMs);
    },
    async renew({ replicaId, incarnation }, seen) {
      const [row] = await run<Renewal>(renewStatement, replicaId, incarnation, seen);
      return row;
    },
    async changesSince(seen) {
      return onlyRow(await run<Changes>(changesStatement, seen));
    },
    async acknowledge({ replicaId, incarnation }, seen) {
      const names = `{${[...awaiting].join(",")}}`;
      awaiting.clear();
      return (await run(acknowledgeStatement, replicaId, incarnation, seen, names)).length > 0;
    },
    async leave({ replicaId, incarnation }) {
      await run("delete from replica_lease where replica_id = $1 and incarnation = $2", replicaId, incarnation);
    },
    async leases(own) {
      const { replicaId = null, incarnation = null, seen = 0 } = own ?? {};
      type Leases = Awaited<ReturnType<RevocationStore["leases"]>>;
      return onlyRow(await run<Leases>(leasesStatement, replicaId, incarnation, seen));
    },
    async remove(rows) {
      await run(removeStatement, JSON.stringify(rows));
    },
    async trim(keep) {
      await run("delete from revocation_change where epoch <= (select epoch from revocation_epoch) - $1::bigint", keep);
    },
    listen: (onChange, onAcknowledged) =>
      database.listen({
        [revocationChannel]: (name) => {
          const own = name === revoker;
          if (!own && /^[0-9a-f]{16}$/.test(name) && awaiting.size < mostRevokers) awaiting.add(name);
          onChange(own);
        },
        [acknowledgedChannel(revoker)]: onAcknowledged,
      }),
  };
}
