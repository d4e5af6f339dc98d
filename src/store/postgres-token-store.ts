import { and, desc, eq, gt, inArray, isNotNull, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import type { SubjectName } from "../identifier/identifier.js";
import { secretIdFromUuid, tokenIdFromUuid, toUuid } from "../token/ids.js";
import type { Grant, SecretRecord, TokenRecord, TokenWithSecrets } from "../token/token.js";
import type { Database } from "./database.js";
import { guarded, type Transaction, transact } from "./errors.js";
import { pepperCheck, type StoredGrant, token, tokenSecret } from "./schema.js";
import type { PepperStore, StoredState, TokenFilter, TokenStore } from "./token-store.js";

type TokenRow = typeof token.$inferSelect;
type SecretRow = Omit<typeof tokenSecret.$inferSelect, "digest">;

/** All but the digest, which nothing that is read may hold. */
const secretColumns = {
  id: tokenSecret.id,
  tokenId: tokenSecret.tokenId,
  pepperVersion: tokenSecret.pepperVersion,
  hint: tokenSecret.hint,
  createdAt: tokenSecret.createdAt,
  retiresAt: tokenSecret.retiresAt,
  revokedAt: tokenSecret.revokedAt,
};

/** Two live secrets and the last five dead ones. */
const secretsShown = 7;

/** Tokens in PostgreSQL or PGlite. */
export function createTokenStore(database: Database): TokenStore & PepperStore {
  const { orm } = database;

  /** With their secrets, in the order given; one more read however many they are. */
  async function withSecrets(
    reader: Pick<Transaction, "select">,
    rows: readonly TokenRow[],
  ): Promise<TokenWithSecrets[]> {
    if (rows.length === 0) return [];
    const place = sql<number>`row_number() over (partition by ${tokenSecret.tokenId} order by ${tokenSecret.id} desc)`;
    const ranked = reader
      .select({ ...secretColumns, place: place.as("place") })
      .from(tokenSecret)
      .where(
        inArray(
          tokenSecret.tokenId,
          rows.map(({ id }) => id),
        ),
      )
      .as("ranked");
    const secrets = await reader.select().from(ranked).where(lte(ranked.place, secretsShown)).orderBy(desc(ranked.id));
    return rows.map((row) => ({
      ...tokenRecord(row),
      secrets: secrets.filter(({ tokenId }) => tokenId === row.id).map(secretRecord),
    }));
  }

  return {
    async insert(record, secret) {
      await transact(database, async (transaction) => {
        await transaction.insert(token).values({
          id: toUuid(record.id),
          kind: record.kind,
          subject: record.subject,
          name: record.name,
          description: record.description,
          grant: storedGrant(record.grant),
          allowedCidrs: [...record.allowedCidrs],
          metadata: record.metadata,
          claims: record.claims,
          createdAt: record.createTime,
          createdBy: record.createdBy,
          notBefore: record.notBefore,
          expiresAt: record.expireTime,
        });
        await transaction.insert(tokenSecret).values({
          id: toUuid(secret.id),
          tokenId: toUuid(record.id),
          digest: secret.digest,
          pepperVersion: secret.pepperVersion,
          hint: secret.hint,
          createdAt: secret.createTime,
        });
      });
    },

    async resolve(digests) {
      // One parameter whatever the count, so that there is one prepared statement.
      const wanted = `{${digests.map((digest) => `"\\\\x${Buffer.from(digest).toString("hex")}"`).join(",")}}`;
      const rows = await guarded(() =>
        orm
          .select({ token, secret: secretColumns, digest: tokenSecret.digest })
          .from(tokenSecret)
          .innerJoin(token, eq(token.id, tokenSecret.tokenId))
          .where(sql`${tokenSecret.digest} = any((${wanted}::text)::bytea[])`),
      );
      const byDigest = new Map(rows.map((row) => [hex(row.digest), row]));
      return digests.map((digest) => {
        const row = byDigest.get(hex(digest));
        return row && { token: tokenRecord(row.token), secret: secretRecord(row.secret) };
      });
    },

    async get(id) {
      const rows = await guarded(() =>
        orm
          .select()
          .from(token)
          .where(eq(token.id, toUuid(id))),
      );
      const [found] = await guarded(() => withSecrets(orm, rows));
      return found;
    },

    async list(filter, { size, after }, now) {
      const rows = await guarded(() =>
        orm
          .select()
          .from(token)
          .where(and(...conditions(filter, now), after && lt(token.id, toUuid(after))))
          .orderBy(desc(token.id))
          .limit(size + 1),
      );
      const tokens = await guarded(() => withSecrets(orm, rows.slice(0, size)));
      return { tokens, more: rows.length > size };
    },

    async revoke(id, { by, reason, time }) {
      return transact(database, async (transaction) => {
        await transaction
          .update(token)
          .set({ revokedAt: time, revokedBy: by, revocationReason: reason })
          .where(and(eq(token.id, toUuid(id)), isNull(token.revokedAt)));
        const rows = await transaction
          .select()
          .from(token)
          .where(eq(token.id, toUuid(id)));
        const [revoked] = await withSecrets(transaction, rows);
        return revoked;
      });
    },

    async checkValues() {
      const rows = await guarded(() => orm.select().from(pepperCheck));
      return new Map(rows.map(({ version, checkValue }) => [version, checkValue]));
    },

    async recordCheckValue(version, checkValue) {
      await transact(database, (transaction) =>
        transaction.insert(pepperCheck).values({ version, checkValue }).onConflictDoNothing(),
      );
    },

    async countLiveSecrets(now) {
      const rows = await guarded(() =>
        orm
          .select({ version: tokenSecret.pepperVersion, count: sql<number>`count(*)::int` })
          .from(tokenSecret)
          .innerJoin(token, eq(token.id, tokenSecret.tokenId))
          .where(
            and(
              isNull(tokenSecret.revokedAt),
              or(isNull(tokenSecret.retiresAt), gt(tokenSecret.retiresAt, now)),
              inState("ACTIVE", now),
            ),
          )
          .groupBy(tokenSecret.pepperVersion),
      );
      return new Map(rows.map(({ version, count }) => [version, count]));
    },
  };
}

function conditions(filter: TokenFilter, now: Date): (SQL | undefined)[] {
  return [
    filter.subject && eq(token.subject, filter.subject),
    filter.subjects && or(...filter.subjects.map(subjectMatches), sql`false`),
    filter.states && or(...filter.states.map((state) => inState(state, now)), sql`false`),
    filter.createdBy === undefined ? undefined : eq(token.createdBy, filter.createdBy),
    filter.expireBefore && lt(token.expiresAt, filter.expireBefore),
  ];
}

/** An entry that ends in `:` stands for all subjects of a type, any other for itself: `organization:acme` is not `organization:acme2`. */
function subjectMatches(entry: string): SQL {
  // starts_with, not LIKE: identifiers may hold `_`, which LIKE would take as any character.
  return entry.endsWith(":") ? sql`starts_with(${token.subject}, ${entry})` : eq(token.subject, entry);
}

/** The same order as the pure token/state.ts: revoked wins, then expired. */
function inState(state: StoredState, now: Date): SQL | undefined {
  switch (state) {
    case "REVOKED":
      return isNotNull(token.revokedAt);
    case "EXPIRED":
      return and(isNull(token.revokedAt), lte(token.expiresAt, now));
    case "ACTIVE":
      return and(isNull(token.revokedAt), or(isNull(token.expiresAt), gt(token.expiresAt, now)));
  }
}

function tokenRecord(row: TokenRow): TokenRecord {
  return {
    id: tokenIdFromUuid(row.id),
    kind: row.kind,
    subject: row.subject as SubjectName, // was one when it was written
    name: row.name,
    description: row.description,
    grant: readGrant(row.grant),
    allowedCidrs: row.allowedCidrs,
    metadata: row.metadata,
    claims: row.claims,
    createTime: row.createdAt,
    createdBy: row.createdBy,
    notBefore: row.notBefore ?? undefined,
    expireTime: row.expiresAt ?? undefined,
    revocation:
      row.revokedAt && row.revokedBy !== null && row.revocationReason
        ? { time: row.revokedAt, by: row.revokedBy, reason: row.revocationReason }
        : undefined,
  };
}

function secretRecord(row: SecretRow): SecretRecord {
  return {
    id: secretIdFromUuid(row.id),
    hint: row.hint,
    createTime: row.createdAt,
    pepperVersion: row.pepperVersion,
    retireTime: row.retiresAt ?? undefined,
    revokeTime: row.revokedAt ?? undefined,
  };
}

function storedGrant(grant: Grant): StoredGrant {
  return grant.kind === "full" ? { full: true } : { rules: grant.rules };
}

/** Everything is only ever the explicit marker; whatever else is no list of rules grants nothing. */
function readGrant(stored: StoredGrant): Grant {
  if ("full" in stored && stored.full === true) return { kind: "full" };
  // Rules were parsed before they were written.
  return {
    kind: "rules",
    rules: "rules" in stored ? (stored.rules as Extract<Grant, { kind: "rules" }>["rules"]) : [],
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
