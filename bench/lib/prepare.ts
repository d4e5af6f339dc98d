import postgres from "postgres";
import type { TestPostgres } from "../../test/kit/postgres.js";
import { noopCalls } from "./exchanges.js";
import { sendLoad } from "./load.js";
import { startOpenFga } from "./openfga.js";
import { startPatwarden } from "./patwarden.js";
import { type Bench, startNoop } from "./scenarios.js";
import { secretsOf, seedTokens, tokenId, usableTokens } from "./tokens.js";
import { userCount } from "./workload.js";

type Prepared = Pick<Bench, "postgresPid" | "databaseUrls" | "secrets" | "nextUnusedToken">;

/** Checks that the load generator notices faults: one that accepts every answer would make every table look good. */
export async function proveThatFaultsAreNoticed(): Promise<void> {
  const noop = await startNoop();
  try {
    const traffic = noopCalls(secretsOf(userCount));
    const settings = { address: noop.address, inFlight: 4, durationMs: 0, minCalls: traffic.exchanges.length };
    const [first, ...others] = traffic.exchanges;
    if (!first) throw new Error("no traffic");
    const result = await sendLoad(
      { ...traffic, exchanges: [{ ...first, expected: "something" }, ...others] },
      settings,
    );
    const unanswered = await sendLoad({ ...traffic, path: "/no.such.Service/Method" }, settings);
    if (result.wrong !== 1 || result.failed !== 0 || unanswered.failed !== unanswered.calls)
      throw new Error("the load generator does not notice wrong and missing answers");
  } finally {
    noop.child.kill();
  }
}

/** Makes two databases of tokens, filled by a server that is then stopped. */
export async function prepare(server: TestPostgres, tokens: number): Promise<Prepared> {
  const few = await newDatabase(server, "few");
  const many = await newDatabase(server, "many");
  const openfga = await startOpenFga({ queryCache: false });
  try {
    for (const [databaseUrl, count] of [
      [few, userCount],
      [many, tokens],
    ] as const) {
      console.error(`seeding ${count} tokens`);
      const patwarden = await startPatwarden({ databaseUrl, openfga, fresh: true });
      try {
        const [port] = patwarden.ports;
        if (port) await seedTokens(databaseUrl, port, count);
      } finally {
        await patwarden.stop();
      }
    }
  } finally {
    await openfga.stop();
  }
  let unused = Math.min(usableTokens, tokens - 1_000);
  return {
    postgresPid: server.pid(),
    databaseUrls: { few, many },
    secrets: secretsOf(Math.min(usableTokens, tokens)),
    nextUnusedToken: () => tokenId(unused++),
  };
}

export async function newDatabase({ url }: TestPostgres, name: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  await sql.unsafe(`create database ${name}`);
  await sql.end();
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}
