import type postgres from "#postgres";
import type { Supervised } from "#postgres";
import { Failure } from "../domain/errors.js";
import type { Orm } from "./database.js";

/*
 * What is done for one caller, who at some time waits no longer:
 *
 * - a statement that is still in the queue then is not sent (it is looked for with each tick of the supervision);
 * - a transaction whose BEGIN is answered then changes nothing, so that nothing is made after its caller was told that
 *   its time is over;
 * - what was sent, and a change that has begun, go on to the limit of each statement: to give them up is to destroy
 *   their connections, and callers with short deadlines could then keep the pool connecting.
 *
 * Each call has such a client of its own. An AsyncLocalStorage would need none, but with Node 20 the first use of one
 * makes every promise of the process dearer, those of a Check too.
 */

/** The same client, for a caller who no longer waits once `isOver`. */
export function forCaller<Client extends postgres.Sql>(client: Client, isOver: () => boolean): Client {
  const waiting = { isOver };
  const unsafe: postgres.Sql["unsafe"] = (statement, parameters, options) =>
    client.unsafe(statement, parameters, Object.assign({}, options, waiting));
  const begin = (work: (transaction: postgres.TransactionSql) => unknown) =>
    (client as unknown as Supervised).begin("", inTime(isOver, work), waiting); // of the mended driver
  return new Proxy(client, {
    get: (target, name) => (name === "unsafe" ? unsafe : name === "begin" ? begin : Reflect.get(target, name)),
  });
}

/** The same for an embedded database: it has no queue that could be looked into. */
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
