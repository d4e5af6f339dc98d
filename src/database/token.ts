import { and, count, desc, eq, inArray, isNull, lt, not } from "drizzle-orm";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type { TokenStore } from "../domain/token-store.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { answeringServer, rowsFromPrimary, standby } from "./primary-read.js";
import { requests } from "./request.js";
import { residuals } from "./residual.js";
import { tokenChanges } from "./token-changes.js";
import { blockedByPolicy, matching } from "./token-conditions.js";
import { tokenLookup } from "./token-lookup.js";
import { readSnapshots } from "./token-snapshot.js";
import { token, tokenSecret } from "./token-table.js";

/** Stores tokens in PostgreSQL or PGlite. */
export function createTokenStore(database: Database): TokenStore {
  return {
    ...tokenLookup(database),
    ...tokenReads(database),
    ...tokenChanges(database),
    ...residuals(database),
    ...requests(database),
  };
}

type Reads = Pick<TokenStore, "get" | "list" | "count" | "countBlocked" | "findByDigest">;

function tokenReads(database: Database): Reads {
  return {
    async get(id) {
      const [found] = await guarded(async () =>
        readSnapshots(
          database.orm,
          rowsFromPrimary(
            await database.orm
              .select({ standby, row: token })
              .from(answeringServer)
              .leftJoin(token, eq(token.id, toUuid(id))),
          ).flatMap(({ row }) => row ?? []),
        ),
      );
      return found;
    },

    async list(filter, { size, after }, now) {
      return guarded(async () => {
        const rows = await database.orm
          .select()
          .from(token)
          .where(and(matching(filter, now), after && lt(token.id, toUuid(after))))
          .orderBy(desc(token.id))
          .limit(size + 1);
        return { tokens: await readSnapshots(database.orm, rows.slice(0, size)), more: rows.length > size };
      });
    },

    async count(filter, now) {
      const rows = await guarded(() =>
        database.scanning.select({ count: count() }).from(token).where(matching(filter, now)),
      );
      return onlyRow(rows).count;
    },

    async countBlocked(filter, { before, after }, now) {
      const earlier = blockedByPolicy(before);
      const rows = await guarded(() =>
        database.scanning
          .select({ count: count() })
          .from(token)
          .innerJoin(tokenSecret, and(eq(tokenSecret.tokenId, token.id), isNull(tokenSecret.retiresAt)))
          .where(and(matching(filter, now), blockedByPolicy(after), earlier && not(earlier))),
      );
      return onlyRow(rows).count;
    },

    async findByDigest(digests) {
      const rows = await guarded(() =>
        database.orm
          .select({ standby, id: tokenSecret.tokenId })
          .from(answeringServer)
          .leftJoin(tokenSecret, inArray(tokenSecret.digest, [...digests])),
      );
      const id = rowsFromPrimary(rows)[0]?.id;
      return id ? tokenIdFromUuid(id) : undefined;
    },
  };
}
