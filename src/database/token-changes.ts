import { setImmediate as turn } from "node:timers/promises";
import { eq, sql } from "drizzle-orm";
import { tokenIdFromUuid, toUuid } from "../domain/ids.js";
import type { TokenId } from "../domain/token.js";
import type { TokenStore } from "../domain/token-store.js";
import { transactChange } from "./change.js";
import type { Database } from "./database.js";
import { onlyRow } from "./errors.js";
import { rememberRequest } from "./request.js";
import { holdSubjects } from "./subject.js";
import { matching } from "./token-conditions.js";
import { lockUnrevoked, revokeLocked } from "./token-revocation.js";
import { readContexts, readSurroundings } from "./token-snapshot.js";
import {
  factColumns,
  lockTokenStatement,
  secretColumns,
  token,
  tokenColumns,
  tokenRow,
  tokenSecret,
  writeFacts,
} from "./token-table.js";

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
        // Sent together. The second waits behind the lock, so it reads what the last change has left.
        const locking = transaction.run<Readonly<Record<string, unknown>>>(lockTokenStatement, [uuid]);
        const reading = readSurroundings(transaction.run, [uuid], locking);
        const [[read], snapshotsOf] = await Promise.all([locking, reading]);
        if (!read) return { result: undefined, events: [], touched: [] };
        const row = tokenRow(read);
        const current = onlyRow(snapshotsOf([row]));
        const change = decide(current);
        if (!change) return { result: current, events: [], touched: [] };
        const { facts, newSecret, retire = [] } = change;
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
        const columns = factColumns({ ...current.token, ...facts });
        const secretsChanged = newSecret || retire.length > 0;
        const changedOf = secretsChanged ? await readSurroundings(transaction.run, [uuid]) : snapshotsOf;
        return {
          result: onlyRow(changedOf([{ ...row, ...columns, revision: row.revision + 1 }])),
          events: [change.event],
          touched: [{ kind: "token", key: id }],
          write: writeFacts(row, columns),
        };
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
