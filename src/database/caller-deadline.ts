import type postgres from "#postgres";
import type { Supervised } from "#postgres";
import { Failure } from "../domain/errors.js";
import type { Orm } from "./database.js";

/*
 * Work for one caller, whose deadline may pass meanwhile. From then on
 *
 * - a statement that is still in the queue is not sent (each tick of statement-timeout.ts looks for such statements);
 * - a transaction whose BEGIN is answered changes nothing, so that no change happens after the caller was told that
 *   its time is over;
 * - statements that were sent, and a change that has begun, go on up to the limit of each statement. To give them up
 *   would destroy their connections, and callers with short deadlines could keep the pool reconnecting.
 *
 * Each call has its own client for this. An AsyncLocalStorage would need none, but in Node 20 its first use makes
 * every promise of the process more expensive, those of a Check included.
 */

/** Returns the same client for a caller that waits no longer once `isOver`. */
export function clientForCaller<Client extends postgres.Sql>(client: Client, isOver: () => boolean): Client {
  const waiting = { isOver };
  const unsafe: postgres.Sql["unsafe"] = (statement, parameters, options) =>
    client.unsafe(statement, parameters, Object.assign({}, options, waiting));
  const begin = (work: (transaction: postgres.TransactionSql) => unknown) =>
    (client as unknown as Supervised).begin("", inTime(isOver, work), waiting); // of the mended driver
  return new Proxy(client, {
    get: (target, name) => (name === "unsafe" ? unsafe : name === "begin" ? begin : Reflect.get(target, name)),
  });
}

/** Does the same for an embedded database, which has no queue to look into. */
export function ormForCaller(orm: Orm, isOver: () => boolean): Orm {
  const transaction: Orm["transaction"] = (work, config) => orm.transaction(inTime(isOver, work), config);
  return new Proxy(orm, {
    get(target, name) {
      const value: unknown = name === "transaction" ? transaction : Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function inTime<Transaction, Result>(
  isOver: () => boolean,
  work: (transaction: Transaction) => Result,
): (transaction: Transaction) => Result {
  return (transaction) => {
    if (isOver()) throw new Failure("DEADLINE_EXCEEDED");
    return work(transaction);
  };
}
