import { sql } from "drizzle-orm";
import { bigint, check, integer, pgTable, primaryKey, smallint, text, uuid } from "drizzle-orm/pg-core";
import { identifier, readable } from "./schema.js";

/** The counter that every change of what replicas may have cached raises, as one row. */
export const revocationEpoch = pgTable(
  "revocation_epoch",
  {
    one: smallint("one").primaryKey(),
    epoch: bigint("epoch", { mode: "number" }).notNull(),
    /** Another one with each epoch: the same number with another nonce is another history, as after a fail-over. */
    nonce: uuid("nonce").notNull(),
  },
  (table) => [...readable("number", table.epoch), check("revocation_epoch_one", sql`${table.one} = 1`)],
);

/** What the change of each epoch touched. */
export const revocationChange = pgTable(
  "revocation_change",
  {
    epoch: bigint("epoch", { mode: "number" }).notNull(),
    kind: text("kind").$type<"token" | "subject" | "policy" | "everything">().notNull(),
    /** A token's UUID, a subject's name, a policy's scope, or empty. */
    key: identifier("key").notNull(),
  },
  (table) => [...readable("number", table.epoch), primaryKey({ columns: [table.epoch, table.kind, table.key] })],
);

/** Replicas that may serve cached token records. A row is deleted only when its lease must have run out. */
export const replicaLease = pgTable(
  "replica_lease",
  {
    replicaId: uuid("replica_id").primaryKey(),
    /** Another one with each registration. */
    incarnation: uuid("incarnation").notNull(),
    /** The replica has dropped what the changes up to it touched. */
    ackedEpoch: bigint("acked_epoch", { mode: "number" }).notNull(),
    /** Counts the renewals: the same number means that the lease was not extended since. Not a time, since a database's clock can be set. */
    renewal: bigint("renewal", { mode: "number" }).notNull().default(0),
    leaseMs: integer("lease_ms").notNull(),
  },
  (table) => readable("number", table.ackedEpoch, table.renewal),
);
