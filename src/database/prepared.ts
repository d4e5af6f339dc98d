import type postgres from "#postgres";

/**
 * Statements with more parameters are not kept: lists of every length are a statement each, and each is kept by every connection on both sides
 * until it ends.
 */
const mostParameters = 20;

/**
 * Lets drizzle's statements be prepared once for each connection, which saves PostgreSQL the planning and both sides a round trip; by itself it
 * has none prepared but those that are given a name (drizzle-orm 0.45, postgres-js/session.js).
 */
export function preparing<Client extends postgres.ISql>(client: Client): Client {
  const unsafe: postgres.ISql["unsafe"] = (statement, parameters, options) =>
    client.unsafe(statement, parameters, { ...options, prepare: (parameters?.length ?? 0) <= mostParameters });
  const begin = (work: (transaction: postgres.TransactionSql) => unknown) =>
    (client as unknown as postgres.Sql).begin((transaction) => work(preparing(transaction))); // asked of nothing that has no begin
  return new Proxy(client, {
    get: (target, name) => (name === "unsafe" ? unsafe : name === "begin" ? begin : Reflect.get(target, name)),
  });
}
