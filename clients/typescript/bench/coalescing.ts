// Decisions per second with and without coalescing, 64 checks at a time: npm run bench, with PATWARDEN_CLIENT_TESTS as
// for the tests.
import { readFileSync } from "node:fs";
import { PatwardenClient } from "../src/index.js";

const concurrency = 64;
const warmUpMs = 1_000;
const measuredMs = 4_000;

const file = process.env["PATWARDEN_CLIENT_TESTS"];
if (file === undefined)
  throw new Error("PATWARDEN_CLIENT_TESTS is not set: start a server by `npx tsx test/clients/run.ts --keep`");
const { endpoint, keys, tokens } = JSON.parse(readFileSync(file, "utf8"));
const questions = [
  { token: tokens.alice.secret, resource: "document:roadmap", allowed: true },
  { token: tokens.alice.secret, resource: "document:payroll", allowed: false },
  { token: tokens.acme.secret, resource: "document:price-list", allowed: true },
  { token: tokens.bob.secret, resource: "document:nowhere", allowed: false },
];

async function measure(coalesce: boolean): Promise<void> {
  const client = new PatwardenClient({ endpoint, key: keys.checker, plaintext: true, coalesce });
  let decisions = 0;
  let done = false;
  const worker = async (first: number): Promise<void> => {
    for (let count = first; !done; count++) {
      const question = questions[count % questions.length];
      if (!question) return;
      const { token, resource, allowed } = question;
      const decision = await client.check(token, resource, "viewer", { timeoutMs: 10_000 });
      if (decision.allowed !== allowed) throw new Error(`a wrong answer: ${decision.reason}`);
      decisions++;
    }
  };
  const workers = Promise.all(Array.from({ length: concurrency }, (_, index) => worker(index)));
  const sleep = (ms: number) => Promise.race([workers, new Promise((resolve) => setTimeout(resolve, ms))]);
  await sleep(warmUpMs);
  const [start, cpu, before] = [performance.now(), process.cpuUsage(), decisions];
  await sleep(measuredMs);
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const made = decisions - before;
  done = true;
  await workers;
  client.close();
  const perSecond = Math.round(made / seconds).toLocaleString("en");
  const micros = ((user + system) / made).toFixed(0);
  console.log(
    `coalescing ${coalesce ? "on " : "off"}: ${perSecond} decisions/s, ${micros} us of CPU in the client for each`,
  );
}

for (const coalesce of [false, true, false, true]) await measure(coalesce);
