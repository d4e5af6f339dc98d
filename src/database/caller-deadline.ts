import type postgres from "#postgres";
import type { Supervised } from "#postgres";
import { Failure } from "../domain/errors.js";
import type { Orm } from "./database.js";

/*
 * Database work for one caller. Once the deadline of the caller has passed:
 *
 * - a statement that is still in the queue is not sent (each tick of statement-timeout.ts looks for such statements);
 * - a transaction whose BEGIN is answered makes no change, so that nothing changes after the caller has received
 *   DEADLINE_EXCEEDED;
 * - statements that were sent, and changes that have begun, continue up to the limit of each statement. Giving them up
 *   would destroy their connections, so callers with short deadlines could keep the pool reconnecting.
 *
 * Each call has its own client for this. An AsyncLocalStorage would not need one, but in Node 20 its first use makes
 * every promise of the process more expensive, including those of a Check.
 */

/** Returns the same client for a caller that no longer waits once `isOver` returns true. */
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

/** Does the same for the embedded database, which has no queue of statements. */
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
