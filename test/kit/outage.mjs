/**
 * `node outage.mjs DATABASE_MODULE DATABASE_URL`: runs statements of all kinds while their sessions are ended again and
 * again. Each must return its correct value or say that the database is not available. Prints the results as JSON. A
 * process that ends early has failed.
 */
const [module, url] = process.argv.slice(2);
const { openPostgres } = await import(module);
const { parseDatabaseUrl } = await import(new URL("../config/database-url.js", module).href);
const { guarded } = await import(new URL("errors.js", module).href);
const { transact } = await import(new URL("change.js", module).href);

const addressOf = (text) => parseDatabaseUrl(text).value;
const open = (over = {}) =>
  openPostgres({ address: addressOf(url), maxConnections: 4, prepare: true, statementMs: 1_000, ...over });
const database = open();
const admin = open({ maxConnections: 1 });
const limited = new URL(url);
limited.searchParams.set("options", "-cstatement_timeout=1");
const hurried = open({ address: addressOf(limited.href) });

await guarded(() => database.query("create table if not exists counted (i int)", []));
const seen = { right: 0, unavailable: 0, wrong: [], kills: 0 };
let asked = 0;
let committed = 0;
let unclear = 0;

async function see(expected, ask) {
  try {
    const value = await ask();
    if (value === expected) seen.right++;
    else seen.wrong.push(`${value} instead of ${expected}`);
  } catch (error) {
    if (error?.reason === "OUTCOME_UNKNOWN") unclear++;
    if (error?.reason === "DATABASE_UNAVAILABLE" || error?.reason === "OUTCOME_UNKNOWN") seen.unavailable++;
    else seen.wrong.push(`${error?.reason ?? error?.code ?? error}: ${error?.cause?.message ?? error?.message}`);
  }
}

const uses = [
  (n) => see(n, async () => (await guarded(() => database.query("select $1::int as n", [n])))[0]?.n),
  (n) => see(n, async () => (await guarded(() => database.urgent("select $1::int as n", [n])))[0]?.n),
  (n) => see(n, async () => (await guarded(() => hurried.query("select $1::int as n", [n])))[0]?.n),
  (n) =>
    see(n, () =>
      transact(database, async (transaction) => {
        await transaction.execute("insert into counted values (1)");
        await new Promise((resolve) => setTimeout(resolve, n % 3));
        // Both inserts are committed, or none.
        await transaction.execute("insert into counted values (2)");
        return n;
      }).then((value) => {
        committed++;
        return value;
      }),
    ),
];

const stop = Date.now() + 4_000;
const load = uses.map(async (use) => {
  await Promise.all(
    [0, 1, 2].map(async () => {
      while (Date.now() < stop) {
        await use(++asked);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  );
});
const killing = (async () => {
  while (Date.now() < stop) {
    await admin
      .query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'patwarden' and datname = current_database() and pid <> pg_backend_pid()",
        [],
      )
      .then(() => seen.kills++)
      .catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
})();
await Promise.all([...load, killing]);

// The database is available again, with all connections.
const after = await Promise.allSettled(
  Array.from({ length: 20 }, (_, n) => database.query("select $1::int as n", [n])),
);
const rows = await database.query(
  "select count(*) filter (where i = 1)::int as first, count(*) filter (where i = 2)::int as second from counted",
  [],
);
const [{ first, second }] = rows;
process.stdout.write(
  JSON.stringify({
    ...seen,
    wellAfter: after.every(({ status, value }, n) => status === "fulfilled" && value[0].n === n),
    halves: first - second,
    counted: first >= committed && first <= committed + unclear,
  }),
);
await Promise.all([database, admin, hurried].map((each) => each.close()));
