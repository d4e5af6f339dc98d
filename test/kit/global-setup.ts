import { havePostgres, startPostgres, type TestPostgres } from "./postgres.js";

let server: TestPostgres | undefined;

/** One PostgreSQL for all test files, unless PATWARDEN_TEST_DATABASE_URL names one. */
export async function setup(): Promise<void> {
  if (process.env["PATWARDEN_TEST_DATABASE_URL"] !== undefined || !havePostgres()) return;
  server = await startPostgres({ max_connections: "300" });
  process.env["PATWARDEN_TEST_DATABASE_URL"] = server.url;
}

export async function teardown(): Promise<void> {
  await server?.stop();
}
