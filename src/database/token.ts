import { eq, inArray } from "drizzle-orm";
import type { SubjectName } from "../domain/identifier.js";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type { TokenStore } from "../domain/token-store.js";
import type { Database } from "./database.js";
import { guarded } from "./errors.js";
import { answeringServer, rowsFromPrimary, standby } from "./primary-read.js";
import { requests } from "./request.js";
import { residuals } from "./residual.js";
import { tokenChanges } from "./token-changes.js";
import { matching } from "./token-conditions.js";
import { tokenLists } from "./token-lists.js";
import { tokenLookup } from "./token-lookup.js";
import { readContexts, readSnapshots } from "./token-snapshot.js";
import { token, tokenSecret } from "./token-table.js";

/** Stores tokens in PostgreSQL or PGlite. */
export function createTokenStore(database: Database): TokenStore {
  return {
    ...tokenLookup(database),
    ...tokenReads(database),
    ...tokenLists(database),
    ...tokenChanges(database),
    ...residuals(database),
    ...requests(database),
  };
}

function tokenReads(database: Database): Pick<TokenStore, "context" | "get" | "owners" | "findByDigest"> {
  return {
    async context(owner) {
      const contextOf = await guarded(() => readContexts(database.orm, [owner]));
      return contextOf(owner);
    },

    async get(id) {
      const [found] = await guarded(async () =>
        readSnapshots(
          database.query,
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

    async owners(ids) {
      const rows = await guarded(() =>
        database.orm
          .select({
            id: token.id,
            kind: token.kind,
            subject: token.subject,
            organization: token.organization,
            revokedAt: token.revokedAt,
          })
          .from(token)
          .where(matching({ ids }, new Date(0))),
      );
      return new Map(
        rows.map(({ id, kind, subject, organization, revokedAt }) => [
          tokenIdFromUuid(id),
          // Stored names were parsed before.
          {
            kind,
            subject: subject as SubjectName,
            organization: (organization ?? undefined) as SubjectName | undefined,
            revoked: revokedAt !== null,
          },
        ]),
      );
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
