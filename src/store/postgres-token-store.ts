import { and, count, desc, eq, gt, inArray, isNotNull, isNull, lt, lte, or, sql } from "drizzle-orm";
import { alias, type PgColumn } from "drizzle-orm/pg-core";
import type { AuditEvent } from "../audit/event.js";
import { tokenIdFromUuid, toUuid } from "../token/ids.js";
import { stricter } from "../token/policy.js";
import type { TokenRecord, TokenWithSecrets } from "../token/token.js";
import type { Database } from "./database.js";
import { guarded, type Transaction, transact } from "./errors.js";
import { appendAudit } from "./postgres-audit-store.js";
import {
  factColumns,
  readPolicy,
  secretColumns,
  secretRecord,
  subjectFacts,
  type TokenRow,
  tokenColumns,
  tokenRecord,
} from "./rows.js";
import { pepperCheck, policy, request, subject, token, tokenSecret } from "./schema.js";
import { inState, matching } from "./token-conditions.js";
import {
  type NewRequest,
  type PepperStore,
  RequestKnown,
  type TokenContext,
  type TokenSnapshot,
  type TokenStore,
} from "./token-store.js";

/** All but the digest, which nothing that is read may hold. */
const shownSecret = {
  id: tokenSecret.id,
  tokenId: tokenSecret.tokenId,
  pepperVersion: tokenSecret.pepperVersion,
  hint: tokenSecret.hint,
  createdAt: tokenSecret.createdAt,
  retiresAt: tokenSecret.retiresAt,
};

/** Two live secrets and the last five dead ones. */
const secretsShown = 7;

type Reader = Pick<Transaction, "select">;
type Owner = Pick<TokenRecord, "kind" | "subject" | "organization">;

/** Scopes of the policies that hold for a token: the deployment's for its kind, and its organization's. */
function scopesOf({ kind, subject: owner, organization }: Owner): {
  readonly deployment: string;
  readonly own: string;
} {
  return kind === "pat" ? { deployment: "user", own: organization ?? "" } : { deployment: "organization", own: owner };
}

const revokedTogether = 1_000;

/** Revokes locked rows, each with an event of its own, so that the history of every token is complete. */
export async function revokeRows(
  transaction: Transaction,
  rows: readonly TokenRow[],
  { time, by, reason }: NonNullable<TokenRecord["revocation"]>,
  eventOf: (token: TokenRecord) => AuditEvent,
): Promise<void> {
  for (let start = 0; start < rows.length; start += revokedTogether) {
    const batch = rows.slice(start, start + revokedTogether);
    await transaction
      .update(token)
      .set({ revokedAt: time, revokedBy: by, revocationReason: reason, revision: sql`${token.revision} + 1` })
      .where(
        inArray(
          token.id,
          batch.map(({ id }) => id),
        ),
      );
    await appendAudit(transaction, ...batch.map((row) => eventOf(tokenRecord(row))));
  }
}

/** Tokens in PostgreSQL or PGlite. */
export function createTokenStore(database: Database): TokenStore & PepperStore {
  const { orm } = database;

  /** What tokens hang on, two more reads however many they are. */
  async function contextsOf(reader: Reader, owners: readonly Owner[]): Promise<(owner: Owner) => TokenContext> {
    const names = new Set(
      owners.flatMap(({ subject: name, organization }) => [name, ...(organization ? [organization] : [])]),
    );
    const scopes = new Set(owners.flatMap((owner) => Object.values(scopesOf(owner))));
    const subjects = await reader
      .select()
      .from(subject)
      .where(inArray(subject.name, [...names]));
    const policies = await reader
      .select()
      .from(policy)
      .where(inArray(policy.scope, [...scopes]));
    const factsOf = (name: string) => subjectFacts(subjects.find((row) => row.name === name));
    const policyOf = (scope: string) => readPolicy(policies.find((row) => row.scope === scope));
    return (owner) => {
      const { deployment, own } = scopesOf(owner);
      const ownRow = policies.find((row) => row.scope === own);
      const held = [
        { scope: deployment, policy: policyOf(deployment) },
        ...(ownRow ? [{ scope: own, policy: readPolicy(ownRow) }] : []),
      ];
      return {
        subjects: {
          subject: factsOf(owner.subject),
          organization: owner.organization && factsOf(owner.organization),
        },
        policies: held,
        policy: held.map((entry) => entry.policy).reduce(stricter),
      };
    };
  }

  /** With secrets and context, in the order given. */
  async function snapshots(reader: Reader, rows: readonly TokenRow[]): Promise<TokenSnapshot[]> {
    if (rows.length === 0) return [];
    const place = sql<number>`row_number() over (partition by ${tokenSecret.tokenId} order by ${tokenSecret.id} desc)`;
    const ids = rows.map(({ id }) => id);
    const ranked = reader
      .select({ ...shownSecret, place: place.as("place") })
      .from(tokenSecret)
      .where(inArray(tokenSecret.tokenId, ids))
      .as("ranked");
    const secrets = await reader.select().from(ranked).where(lte(ranked.place, secretsShown)).orderBy(desc(ranked.id));
    const records = rows.map(
      (row): TokenWithSecrets => ({
        ...tokenRecord(row),
        secrets: secrets.filter(({ tokenId }) => tokenId === row.id).map(secretRecord),
      }),
    );
    const contextOf = await contextsOf(reader, records);
    return records.map((record) => ({ token: record, ...contextOf(record) }));
  }

  async function remember(transaction: Transaction, tokenId: string, made: NewRequest | undefined): Promise<void> {
    if (!made) return;
    const { createTime: createdAt, ...row } = made;
    const inserted = await transaction
      .insert(request)
      .values({ ...row, tokenId, createdAt })
      .onConflictDoNothing()
      .returning({ id: request.requestId });
    if (inserted.length === 0) throw new RequestKnown();
  }

  return {
    create: (owner, draft) =>
      transact(database, async (transaction) => {
        // A subject that is being deleted is waited for, and one that is not known yet cannot be deleted beside us.
        const names = [owner.subject, ...(owner.organization ? [owner.organization] : [])].sort();
        const mentioned = names.map((name) => ({
          name,
          state: "ACTIVE" as const,
          generation: 1,
          updatedAt: new Date(0),
        }));
        await transaction.insert(subject).values(mentioned).onConflictDoNothing();
        await transaction.select().from(subject).where(inArray(subject.name, names)).orderBy(subject.name).for("share");
        const contextOf = await contextsOf(transaction, [owner]);
        const context = contextOf(owner);
        const made = draft(context);
        const id = toUuid(made.token.id);
        await transaction.insert(token).values(tokenColumns(made.token));
        await transaction.insert(tokenSecret).values(secretColumns(id, made.secret));
        await remember(transaction, id, made.request);
        await appendAudit(transaction, made.event);
        const { digest: _digest, ...secret } = made.secret;
        return { token: { ...made.token, secrets: [secret] }, ...context };
      }),

    async resolve(digests) {
      // One parameter whatever the count, so that there is one prepared statement.
      const wanted = `{${digests.map((digest) => `"\\\\x${Buffer.from(digest).toString("hex")}"`).join(",")}}`;
      const organization = alias(subject, "organization");
      const deploymentPolicy = alias(policy, "deployment_policy");
      const ownPolicy = alias(policy, "own_policy");
      const byKind = (user: PgColumn | string, org: PgColumn | string) =>
        sql`case ${token.kind} when 'pat' then ${user} else ${org} end`;
      const rows = await guarded(() =>
        orm
          .select({
            token,
            secret: shownSecret,
            digest: tokenSecret.digest,
            subject,
            organization,
            deploymentPolicy,
            ownPolicy,
          })
          .from(tokenSecret)
          .innerJoin(token, eq(token.id, tokenSecret.tokenId))
          .leftJoin(subject, eq(subject.name, token.subject))
          .leftJoin(organization, eq(organization.name, token.organization))
          .leftJoin(deploymentPolicy, eq(deploymentPolicy.scope, byKind("user", "organization")))
          .leftJoin(ownPolicy, eq(ownPolicy.scope, byKind(token.organization, token.subject)))
          .where(sql`${tokenSecret.digest} = any((${wanted}::text)::bytea[])`),
      );
      const byDigest = new Map(rows.map((row) => [hex(row.digest), row]));
      return digests.map((digest) => {
        const row = byDigest.get(hex(digest));
        if (!row) return undefined;
        const deployment = readPolicy(row.deploymentPolicy);
        return {
          token: tokenRecord(row.token),
          secret: secretRecord(row.secret),
          subjects: {
            subject: subjectFacts(row.subject),
            organization: row.token.organization === null ? undefined : subjectFacts(row.organization),
          },
          policy: row.ownPolicy ? stricter(deployment, readPolicy(row.ownPolicy)) : deployment,
        };
      });
    },

    async get(id) {
      const [found] = await guarded(async () =>
        snapshots(
          orm,
          await orm
            .select()
            .from(token)
            .where(eq(token.id, toUuid(id))),
        ),
      );
      return found;
    },

    async list(filter, { size, after }, now) {
      return guarded(async () => {
        const rows = await orm
          .select()
          .from(token)
          .where(and(matching(filter, now), after && lt(token.id, toUuid(after))))
          .orderBy(desc(token.id))
          .limit(size + 1);
        return { tokens: await snapshots(orm, rows.slice(0, size)), more: rows.length > size };
      });
    },

    async count(filter, now) {
      const [row] = await guarded(() =>
        database.patient.select({ count: count() }).from(token).where(matching(filter, now)),
      );
      return row?.count ?? 0;
    },

    change: (id, decide) =>
      transact(database, async (transaction) => {
        const uuid = toUuid(id);
        const rows = await transaction.select().from(token).where(eq(token.id, uuid)).for("update");
        const [current] = await snapshots(transaction, rows);
        if (!current) return undefined;
        const change = decide(current);
        if (!change) return current;
        const { facts, newSecret, retire = [] } = change;
        const columns = facts ? factColumns({ ...current.token, ...facts }) : {};
        await transaction
          .update(token)
          .set({ ...columns, revision: current.token.revision + 1 })
          .where(eq(token.id, uuid));
        for (const { id: secretId, time } of retire) {
          await transaction
            .update(tokenSecret)
            .set({ retiresAt: time })
            .where(eq(tokenSecret.id, toUuid(secretId)));
        }
        if (newSecret) await transaction.insert(tokenSecret).values(secretColumns(uuid, newSecret));
        await remember(transaction, uuid, change.request);
        await appendAudit(transaction, change.event);
        const [changed] = await snapshots(
          transaction,
          await transaction.select().from(token).where(eq(token.id, uuid)),
        );
        return changed;
      }),

    revokeAll: (filter, { time, by, reason }, expected, now, eventOf) =>
      transact({ orm: database.patient }, async (transaction) => {
        // Locked in one order, so that two of these cannot wait for each other.
        const locked = transaction
          .select()
          .from(token)
          .where(and(matching(filter, now), isNull(token.revokedAt)))
          .orderBy(token.id)
          .for("update");
        const rows = await locked;
        if (expected !== undefined && rows.length !== expected) return { count: rows.length, done: false };
        await revokeRows(transaction, rows, { time, by, reason }, eventOf);
        return { count: rows.length, done: true };
      }),

    async findByDigest(digests) {
      const [row] = await guarded(() =>
        orm
          .select({ id: tokenSecret.tokenId })
          .from(tokenSecret)
          .where(inArray(tokenSecret.digest, [...digests])),
      );
      return row && tokenIdFromUuid(row.id);
    },

    async findRequest({ caller, requestId }) {
      const [row] = await guarded(() =>
        orm
          .select()
          .from(request)
          .where(and(eq(request.caller, caller), eq(request.requestId, requestId))),
      );
      return (
        row && {
          fingerprint: row.fingerprint,
          tokenId: tokenIdFromUuid(row.tokenId),
          sealedSecret: row.sealedSecret ?? undefined,
          createTime: row.createdAt,
        }
      );
    },

    async sweepRequests(unsealBefore, forgetBefore) {
      await transact(database, async (transaction) => {
        await transaction.delete(request).where(lt(request.createdAt, forgetBefore));
        await transaction
          .update(request)
          .set({ sealedSecret: null })
          .where(and(isNotNull(request.sealedSecret), lt(request.createdAt, unsealBefore)));
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
        database.patient
          .select({ version: tokenSecret.pepperVersion, count: sql<number>`count(*)::int` })
          .from(tokenSecret)
          .innerJoin(token, eq(token.id, tokenSecret.tokenId))
          .where(
            and(
              or(isNull(tokenSecret.retiresAt), gt(tokenSecret.retiresAt, now)),
              or(...(["ACTIVE", "SUSPENDED", "PENDING_APPROVAL"] as const).map((state) => inState(state, now))),
            ),
          )
          .groupBy(tokenSecret.pepperVersion),
      );
      return new Map(rows.map(({ version, count: secrets }) => [version, secrets]));
    },
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
