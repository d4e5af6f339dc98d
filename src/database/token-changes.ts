import { setImmediate as turn } from "node:timers/promises";
import { eq, sql } from "drizzle-orm";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type { TokenId } from "../domain/token.js";
import type { TokenChange, TokenSnapshot, TokenStore } from "../domain/token-store.js";
import { type Transaction, transactChange } from "./change.js";
import type { Database } from "./database.js";
import { rememberRequest } from "./request.js";
import { holdSubjects } from "./subject.js";
import { matching } from "./token-conditions.js";
import { lockUnrevoked, revokeLocked } from "./token-revocation.js";
import { readContexts, readSnapshots } from "./token-snapshot.js";
import { factColumns, secretColumns, token, tokenColumns, tokenSecret } from "./token-table.js";

/** Returns the methods that change tokens. Each takes the locks that its decision needs. */
export function tokenChanges(database: Database): Pick<TokenStore, "create" | "change" | "revokeAll"> {
  return {
    create: (owner, draft) =>
      transactChange(database, async (transaction) => {
        // Waits for a subject that is being deleted. A new subject gets a row, so it cannot be deleted meanwhile.
        await holdSubjects(transaction, [owner.subject, ...(owner.organization ? [owner.organization] : [])]);
        const contextOf = await readContexts(transaction, [owner]);
        const context = contextOf(owner);
        const made = draft(context);
        const id = toUuid(made.token.id);
        await transaction.insert(token).values(tokenColumns(made.token));
        await transaction.insert(tokenSecret).values(secretColumns(id, made.secret));
        await rememberRequest(transaction, id, made.request);
        const { digest: _digest, ...secret } = made.secret;
        return {
          result: { token: { ...made.token, secrets: [secret] }, lastUses: new Map(), ...context },
          events: [made.event],
          // No replica can have cached a token that did not exist.
          touched: [],
        };
      }),

    change: (id, decide) =>
      transactChange(database, async (transaction) => {
        const uuid = toUuid(id);
        const rows = await transaction.select().from(token).where(eq(token.id, uuid)).for("update");
        const [current] = await readSnapshots(transaction, rows);
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
          // The default is the time at which the transaction began.
          const storedAt = sql`clock_timestamp()`;
          await transaction.insert(tokenSecret).values({ ...secretColumns(uuid, newSecret), storedAt });
        }
        await rememberRequest(transaction, uuid, change.request);
        const changed = newSecret || retire.length > 0 ? await readAgain(transaction, uuid) : withFacts(current, facts);
        return { result: changed, events: [change.event], touched: [{ kind: "token", key: id }] };
      }),

    revokeAll: (filter, revocation, { expected, limit }, now, eventOf) =>
      transactChange({ orm: database.patient }, async (transaction) => {
        const locked = await lockUnrevoked(transaction, matching(filter, now), limit);
        const ids = await idsInTurns(locked);
        const result = { ids, count: ids.length, done: expected === undefined || ids.length === expected };
        if (!result.done) return { result, events: [], touched: [] };
        return {
          result,
          events: revokeLocked(transaction, locked, revocation, eventOf),
          touched: ids.map((id) => ({ kind: "token", key: id })),
        };
      }),
  };
}

/** The number of ids that are made in one turn of the event loop, some milliseconds. */
const idsTogether = 1_000;

/** Returns the ids of these rows. There may be any number of them, so other calls run meanwhile. */
async function idsInTurns(uuids: readonly string[]): Promise<readonly TokenId[]> {
  const ids: TokenId[] = [];
  for (let start = 0; start < uuids.length; start += idsTogether) {
    if (start > 0) await turn();
    ids.push(...uuids.slice(start, start + idsTogether).map(tokenIdFromUuid));
  }
  return ids;
}

async function readAgain(transaction: Transaction, uuid: string): Promise<TokenSnapshot | undefined> {
  const [found] = await readSnapshots(transaction, await transaction.select().from(token).where(eq(token.id, uuid)));
  return found;
}

/** Returns the token as it is after these facts were written. */
function withFacts(snapshot: TokenSnapshot, facts: TokenChange["facts"]): TokenSnapshot {
  const { token: before } = snapshot;
  return { ...snapshot, token: { ...before, ...facts, revision: before.revision + 1 } };
}
