import type postgres from "#postgres";

/**
 * A statement with more parameters is not prepared: a list of each length is another statement, and every connection
 * keeps each of them on both sides until it ends.
 */
const mostParameters = 20;

/**
 * Prepares the statements of drizzle once for each connection, which saves PostgreSQL the planning and both sides a
 * round trip. By itself drizzle prepares only statements that have a name (drizzle-orm 0.45, postgres-js/session.js).
 */
export function preparing<Client extends postgres.ISql>(client: Client): Client {
  const unsafe: postgres.ISql["unsafe"] = (statement, parameters, options) =>
    client.unsafe(statement, parameters, { ...options, prepare: (parameters?.length ?? 0) <= mostParameters });
  const begin = (work: (transaction: postgres.TransactionSql) => unknown) =>
    // Only clients that have a `begin` are asked for it.
    (client as unknown as postgres.Sql).begin((transaction) => work(preparing(transaction)));
  return new Proxy(client, {
    get: (target, name) => (name === "unsafe" ? unsafe : name === "begin" ? begin : Reflect.get(target, name)),
  });
}
