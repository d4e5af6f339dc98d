import type postgres from "#postgres";

/**
 * The most parameters of a statement that is prepared. Lists of different lengths make different statements, and each
 * connection keeps every prepared statement on both sides until the connection ends.
 */
const mostParameters = 20;

/**
 * Prepares the statements of drizzle once for each connection. This saves PostgreSQL the planning, and one round trip.
 * By itself, drizzle prepares only statements that have a name (drizzle-orm 0.45, postgres-js/session.js).
 */
export function preparing<Client extends postgres.ISql>(client: Client): Client {
  const unsafe: postgres.ISql["unsafe"] = (statement, parameters, options) =>
    client.unsafe(statement, parameters, { ...options, prepare: (parameters?.length ?? 0) <= mostParameters });
  const begin = (work: (transaction: postgres.TransactionSql) => unknown) =>
    // Only called on clients that have a `begin`.
    (client as unknown as postgres.Sql).begin((transaction) => work(preparing(transaction)));
  return new Proxy(client, {
    get: (target, name) => (name === "unsafe" ? unsafe : name === "begin" ? begin : Reflect.get(target, name)),
  });
}
