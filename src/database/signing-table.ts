import { pgTable, text } from "drizzle-orm/pg-core";
import type { SigningAlgorithm } from "../exchange/signing-key-store.js";
import { bytea, instant, readable } from "./schema.js";

/** Keys that JWTs are signed with: the one of now, the next one, and earlier ones until nothing of theirs lives. */
export const signingKey = pgTable(
  "signing_key",
  {
    kid: text("kid").primaryKey(),
    algorithm: text("algorithm").$type<SigningAlgorithm>().notNull(),
    /** The private key, encrypted under a key that comes from a pepper. */
    sealedKey: bytea("sealed_key").notNull(),
    signsFrom: instant("signs_from").notNull(),
  },
  (table) => readable("time", table.signsFrom),
);
