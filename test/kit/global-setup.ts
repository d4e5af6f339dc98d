import { havePostgres, startPostgres } from "./postgres.js";

/** One PostgreSQL for all test files, unless PATWARDEN_TEST_DATABASE_URL names one. */
export default async function setUp(): Promise<() => Promise<void>> {
  if (process.env["PATWARDEN_TEST_DATABASE_URL"] !== undefined || !havePostgres()) return async () => undefined;
  const server = await startPostgres();
  process.env["PATWARDEN_TEST_DATABASE_URL"] = server.url;
  return () => server.stop();
}
