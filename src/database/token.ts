import { and, count, desc, eq, gt, inArray, isNotNull, isNull, lt, lte, not, or, type SQL, sql } from "drizzle-orm";
import type { AuditEvent } from "../domain/audit-event.js";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import { noPolicy } from "../domain/policy.js";
import type { Revocation, SecretRecord, TokenRecord, TokenWithSecrets } from "../domain/token.js";
import {
  type NewRequest,
  type PepperStore,
  RequestKnown,
  type TokenChange,
  type TokenContext,
  type TokenSnapshot,
  type TokenStore,
} from "../domain/token-store.js";
import { type Transaction, transact, transactChange } from "./change.js";
import type { Database } from "./database.js";
import { guarded, soleRow } from "./errors.js";
import { readLastUses } from "./last-use.js";
import { answering, rowsOfPrimary, standby } from "./primary.js";
import {
  effectivePolicy,
  factColumns,
  policyOfText,
  type ResolvedRow,
  resolvedToken,
  secretColumns,
  secretRecord,
  subjectFacts,
  type TokenRow,
  tokenColumns,
  tokenRecord,
} from "./rows.js";
import { pepperCheck, policy, request, subject, token, tokenResidual, tokenSecret } from "./schema.js";
import { blockedByPolicy, inState, matching } from "./token-conditions.js";

/** All but the digest, which nothing that is read may hold. */
const shownSecret = {
  id: tokenSecret.id,
  tokenId: tokenSecret.tokenId,
  pepperVersion: tokenSecret.pepperVersion,
  hint: tokenSecret.hint,
  createdAt: tokenSecret.createdAt,
  retiresAt: tokenSecret.retiresAt,
  ended: tokenSecret.ended,
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

/** Rows that are read and revoked at once. Between two batches other calls have their turn, and only ids are in memory of the others. */
const revokedTogether = 100;

/** Locks those that match and are not revoked yet, the oldest ones up to `limit`: their ids. In one order, so that two of these cannot wait for each other. */
export async function lockLiving(
  transaction: Transaction,
  condition: SQL | undefined,
  limit?: number,
): Promise<readonly string[]> {
  const locked = transaction
    .select({ id: token.id })
    .from(token)
    .where(and(condition, isNull(token.revokedAt)))
    .orderBy(token.id)
    .for("update");
  return (await (limit === undefined ? locked : locked.limit(limit))).map(({ id }) => id);
}

/** Revokes locked rows, each with an event of its own, so that the history of every token is complete. */
export async function* revokeLocked(
  transaction: Transaction,
  ids: readonly string[],
  revocation: Revocation,
  eventOf: (token: TokenRecord) => AuditEvent,
): AsyncGenerator<readonly AuditEvent[]> {
  for (let start = 0; start < ids.length; start += revokedTogether) {
    const batch = ids.slice(start, start + revokedTogether);
    const rows = await transaction.select().from(token).where(inArray(token.id, batch)).orderBy(token.id);
    await markRevoked(transaction, rows, revocation);
    yield rows.map((row) => eventOf(tokenRecord(row)));
  }
}

/** Revokes locked rows. Their transaction must write the events. */
export async function markRevoked(
  transaction: Transaction,
  rows: readonly TokenRow[],
  { time, by, reason }: Revocation,
): Promise<void> {
  const ids = rows.map(({ id }) => id);
  await transaction
    .update(token)
    .set({ revokedAt: time, revokedBy: by, revocationReason: reason, revision: sql`${token.revision} + 1` })
    .where(inArray(token.id, ids));
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::int8`;

/** All that a decision needs, out of one snapshot, with the epoch that it is of; one row at least. */
const resolveStatement = `
  select now.epoch, now.standby, found.*
  from (select coalesce((select epoch from revocation_epoch), 0)::int8 as epoch, pg_is_in_recovery() as standby) now
  left join (
    select
      encode(s.digest, 'hex') as digest,
      s.id::text as "secretId",
      ${ms("s.created_at")} as "secretCreatedMs",
      ${ms("s.retires_at")} as "retireMs",
      s.ended,
      t.id::text as id,
      t.kind,
      t.subject,
      t.generation,
      t.organization,
      t.grant_rules::text as "grant",
      to_json(t.allowed_cidrs) as "allowedCidrs",
      t.claims::text as claims,
      ${ms("t.not_before")} as "notBeforeMs",
      ${ms("t.expires_at")} as "expireMs",
      t.expired,
      t.approval,
      t.suspended_at is not null as suspended,
      t.revoked_at is not null as revoked,
      owner.state as "ownerState",
      owner.generation as "ownerGeneration",
      organization.state as "organizationState",
      organization.generation as "organizationGeneration",
      deployment_policy.fields::text as "deploymentPolicy",
      own_policy.fields::text as "ownPolicy"
    from token_secret s
    join token t on t.id = s.token_id
    left join subject owner on owner.name = t.subject
    left join subject organization on organization.name = t.organization
    left join policy deployment_policy on deployment_policy.scope = case t.kind when 'pat' then 'user' else 'organization' end
    left join policy own_policy on own_policy.scope = case t.kind when 'pat' then t.organization else t.subject end
    where s.digest = any(($1::text)::bytea[])
  ) found on true`;

/** Tokens in PostgreSQL or PGlite. */
export function createTokenStore(database: Database): TokenStore & PepperStore {
  const { orm } = database;

  /** What tokens hang on, two more reads however many they are. */
  async function contextsOf(reader: Reader, owners: readonly Owner[]): Promise<(owner: Owner) => TokenContext> {
    const names = new Set(
      owners.flatMap(({ subject: name, organization }) => [name, ...(organization ? [organization] : [])]),
    );
    const scopes = new Set(owners.flatMap((owner) => Object.values(scopesOf(owner))));
    const [subjects, policies] = await Promise.all([
      reader
        .select()
        .from(subject)
        .where(inArray(subject.name, [...names])),
      reader
        .select({ scope: policy.scope, fields: sql<string>`${policy.fields}::text` })
        .from(policy)
        .where(and(inArray(policy.scope, [...scopes]), isNotNull(policy.fields))),
    ]);
    const subjectsByName = new Map(subjects.map((row) => [row.name, row]));
    const policiesByScope = new Map(
      policies.map(({ scope, fields }) => [scope, { fields, policy: policyOfText(fields) }]),
    );
    const factsOf = (name: string) => subjectFacts(subjectsByName.get(name));
    return (owner) => {
      const { deployment, own } = scopesOf(owner);
      const [deploymentRow, ownRow] = [policiesByScope.get(deployment), policiesByScope.get(own)];
      return {
        subjects: {
          subject: factsOf(owner.subject),
          organization: owner.organization && factsOf(owner.organization),
        },
        policies: [
          { scope: deployment, policy: deploymentRow?.policy ?? noPolicy },
          ...(ownRow ? [{ scope: own, policy: ownRow.policy }] : []),
        ],
        // One computation for each pair of policies, and not for each token: two long lists of ranges are dear to compare.
        policy: effectivePolicy(deploymentRow?.fields ?? null, ownRow?.fields ?? null),
      };
    };
  }

  /** With secrets and context, in the order given. */
  async function snapshots(reader: Reader, rows: readonly TokenRow[]): Promise<TokenSnapshot[]> {
    if (rows.length === 0) return [];
    // Ids begin with a time of the replica that made them, so they do not tell which secret is newer.
    const place = sql<number>`row_number() over (
      partition by ${tokenSecret.tokenId} order by ${tokenSecret.retiresAt} desc nulls first, ${tokenSecret.id} desc)`;
    const ageMs = sql`extract(epoch from clock_timestamp() - ${tokenSecret.storedAt}) * 1000`.mapWith(Number);
    const ids = rows.map(({ id }) => id);
    const ranked = reader
      .select({ ...shownSecret, ageMs: ageMs.as("age_ms"), place: place.as("place") })
      .from(tokenSecret)
      .where(inArray(tokenSecret.tokenId, ids))
      .as("ranked");
    const askedMs = performance.now();
    const found = await reader.select().from(ranked).where(lte(ranked.place, secretsShown)).orderBy(ranked.place);
    const secrets = new Map<string, SecretRecord[]>(ids.map((id) => [id, []]));
    for (const secret of found) secrets.get(secret.tokenId)?.push(secretRecord(secret));
    const stored = new Map(found.flatMap((each) => (each.retiresAt ? [] : [[each.tokenId, askedMs - each.ageMs]])));
    const records = rows.map((row): TokenWithSecrets => ({ ...tokenRecord(row), secrets: secrets.get(row.id) ?? [] }));
    const shown = records.flatMap((record) => [record.id, ...record.secrets.map((secret) => secret.id)]);
    const [contextOf, lastUses] = await Promise.all([contextsOf(reader, records), readLastUses(reader, shown)]);
    return records.map((record, index) => {
      const secretStoredMs = stored.get(ids[index] ?? "");
      return { token: record, lastUses, ...(secretStoredMs !== undefined && { secretStoredMs }), ...contextOf(record) };
    });
  }

  async function readAgain(transaction: Transaction, uuid: string): Promise<TokenSnapshot | undefined> {
    const [found] = await snapshots(transaction, await transaction.select().from(token).where(eq(token.id, uuid)));
    return found;
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
      transactChange(database, async (transaction) => {
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
        const { digest: _digest, ...secret } = made.secret;
        return {
          result: { token: { ...made.token, secrets: [secret] }, lastUses: new Map(), ...context },
          events: [made.event],
          // No replica has cached a token that was not there.
          touched: [],
        };
      }),

    async resolve(digests) {
      // One parameter whatever the count, so that there is one prepared statement.
      const wanted = `{${digests.map((digest) => `"\\\\x${hex(digest)}"`).join(",")}}`;
      const rows = rowsOfPrimary(await guarded(() => database.query<ResolvedRow>(resolveStatement, [wanted])));
      const found = new Map(rows.map((row) => [row.digest, row]));
      return {
        tokens: digests.map((digest) => {
          const row = found.get(hex(digest));
          return row && resolvedToken(row);
        }),
        asOf: soleRow(rows).epoch,
      };
    },

    async get(id) {
      const [found] = await guarded(async () =>
        snapshots(
          orm,
          rowsOfPrimary(
            await orm
              .select({ standby, row: token })
              .from(answering)
              .leftJoin(token, eq(token.id, toUuid(id))),
          ).flatMap(({ row }) => row ?? []),
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
      const rows = await guarded(() =>
        database.scanning.select({ count: count() }).from(token).where(matching(filter, now)),
      );
      return soleRow(rows).count;
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
      return soleRow(rows).count;
    },

    change: (id, decide) =>
      transactChange(database, async (transaction) => {
        const uuid = toUuid(id);
        const rows = await transaction.select().from(token).where(eq(token.id, uuid)).for("update");
        const [current] = await snapshots(transaction, rows);
        const change = current && decide(current);
        if (!change) return { result: current, events: [], touched: [] };
        const { facts, newSecret, retire = [] } = change;
        const columns = facts ? factColumns({ ...current.token, ...facts }) : {};
        await transaction
          .update(token)
          .set({ ...columns, revision: current.token.revision + 1 })
          .where(eq(token.id, uuid));
        for (const { id: secretId, time, ended } of retire) {
          await transaction
            .update(tokenSecret)
            .set({ retiresAt: time, ended })
            .where(eq(tokenSecret.id, toUuid(secretId)));
        }
        if (newSecret) {
          // The default is the begin of the transaction.
          const storedAt = sql`clock_timestamp()`;
          await transaction.insert(tokenSecret).values({ ...secretColumns(uuid, newSecret), storedAt });
        }
        await remember(transaction, uuid, change.request);
        const changed = newSecret || retire.length > 0 ? await readAgain(transaction, uuid) : withFacts(current, facts);
        return { result: changed, events: [change.event], touched: [{ kind: "token", key: id }] };
      }),

    handOut: (id, decide) =>
      transact(database, async (transaction) => {
        const uuid = toUuid(id);
        const rows = await transaction.select().from(token).where(eq(token.id, uuid)).for("share");
        const [current] = await snapshots(transaction, rows);
        if (!current) return undefined;
        const handedOut = decide(current);
        const { expireTime: until } = handedOut;
        const [known] = await transaction.select().from(tokenResidual).where(eq(tokenResidual.tokenId, uuid));
        // What is handed out in one second mostly ends in one second: those that need no write do not wait for each other.
        if (!known || known.until < until) {
          await transaction
            .insert(tokenResidual)
            .values({ tokenId: uuid, until })
            .onConflictDoUpdate({
              target: tokenResidual.tokenId,
              set: { until: sql`greatest(${tokenResidual.until}, excluded.until)` },
            });
        }
        return handedOut;
      }),

    async residualOf(id) {
      const [row] = await guarded(() =>
        orm
          .select()
          .from(tokenResidual)
          .where(eq(tokenResidual.tokenId, toUuid(id))),
      );
      return row?.until;
    },

    revokeAll: (filter, revocation, { expected, limit }, now, eventOf) =>
      transactChange({ orm: database.patient }, async (transaction) => {
        const ids = await lockLiving(transaction, matching(filter, now), limit);
        const result = { count: ids.length, done: expected === undefined || ids.length === expected };
        if (!result.done) return { result, events: [], touched: [] };
        return {
          result,
          events: revokeLocked(transaction, ids, revocation, eventOf),
          touched: ids.map((id) => ({ kind: "token", key: tokenIdFromUuid(id) })),
        };
      }),

    async findByDigest(digests) {
      const rows = await guarded(() =>
        orm
          .select({ standby, id: tokenSecret.tokenId })
          .from(answering)
          .leftJoin(tokenSecret, inArray(tokenSecret.digest, [...digests])),
      );
      const id = rowsOfPrimary(rows)[0]?.id;
      return id ? tokenIdFromUuid(id) : undefined;
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
        database.scanning
          .select({ version: tokenSecret.pepperVersion, count: sql<number>`count(*)::int` })
          .from(tokenSecret)
          .innerJoin(token, eq(token.id, tokenSecret.tokenId))
          .where(
            and(
              not(tokenSecret.ended),
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

/** As it is read after these were written. */
function withFacts(snapshot: TokenSnapshot, facts: TokenChange["facts"]): TokenSnapshot {
  const { token: before } = snapshot;
  return { ...snapshot, token: { ...before, ...facts, revision: before.revision + 1 } };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
