import postgres from "postgres";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { RevocationReason, TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { Server } from "../../test/kit/server.js";
import { cpuOf } from "./cpu.js";
import { quantile, type RevocationLatency } from "./measurement.js";
import { startOpenFga } from "./openfga.js";
import { startPatwarden } from "./patwarden.js";
import type { Bench } from "./scenarios.js";
import { questions } from "./workload.js";

/** Rejects when the token was not revoked. */
async function revoke(server: Server, id: string): Promise<void> {
  const [port] = server.ports;
  const reply = await port?.call(TokenService.method.revokeToken, { id, reason: RevocationReason.REQUESTED });
  if (!reply?.ok) throw new Error(`${id} was not revoked: ${reply?.code} ${reply?.message}`);
}

/**
 * Revokes a token at regular times, without waiting for the one before, but with at most a second's worth of them in
 * flight. `stop` waits for those in flight and returns how many were not done.
 */
export function startRevoking(
  server: Server,
  perSecond: number,
  nextToken: () => string,
): { readonly stop: () => Promise<number> } {
  const underWay = new Set<Promise<void>>();
  let missed = 0;
  const timer = setInterval(() => {
    if (underWay.size >= perSecond) {
      missed++;
      return;
    }
    const done = revoke(server, nextToken())
      .catch((error: unknown) => {
        missed++;
        console.error(String(error));
      })
      .finally(() => underWay.delete(done));
    underWay.add(done);
  }, 1000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      return missed;
    },
  };
}

/**
 * Measures how long one revocation takes, once all is warm, while three replicas answer 200 Checks a second, beside
 * commits of one row on the same database. Then measures the CPU time of a server that only revokes.
 */
export async function measureRevocation(bench: Bench, count: number): Promise<RevocationLatency> {
  const databaseUrl = bench.databaseUrls.many;
  const openfga = await startOpenFga({ queryCache: true });
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  const servers: Server[] = [];
  let checking: NodeJS.Timeout | undefined;
  try {
    for (let replica = 0; replica < 3; replica++) servers.push(await startPatwarden({ databaseUrl, openfga }));
    const serverOf = (turn: number): Server => {
      const server = servers[turn % servers.length];
      if (!server) throw new Error("no replica");
      return server;
    };
    let asked = 0;
    const faults: string[] = [];
    checking = setInterval(() => {
      const turn = asked++;
      const question = questions[turn % questions.length];
      if (!question) return;
      const { user, action, resource, allowed } = question;
      const [port] = serverOf(turn).ports;
      void port
        ?.call(AuthorizationService.method.check, { token: bench.secrets[user] ?? "", action, resource })
        .then((reply) => {
          if (!reply.ok) faults.push(`${reply.code} ${reply.message}`);
          else if (reply.value.allowed !== allowed) faults.push(`user ${user} ${action} ${resource}: wrong answer`);
        });
    }, 5);

    await sql`create table if not exists bench_commit (number int)`;
    for (let turn = 0; turn < count / 3; turn++) await revoke(serverOf(turn), bench.nextUnusedToken());
    const commits: number[] = [];
    const revocations: number[] = [];
    for (let turn = 0; turn < count; turn++) {
      commits.push(await timed(() => sql`insert into bench_commit values (${turn})`));
      revocations.push(await timed(() => revoke(serverOf(turn), bench.nextUnusedToken())));
    }
    clearInterval(checking);
    const pid = serverOf(0).child.pid ?? 0;
    const before = cpuOf(pid);
    for (let turn = 0; turn < count; turn++) await revoke(serverOf(0), bench.nextUnusedToken());
    const cpuMs = (cpuOf(pid) - before) / 1000 / count;
    if (faults.length > 0) throw new Error(`${faults.length} of ${asked} Checks failed meanwhile: ${faults[0]}`);
    return {
      count,
      p50Ms: quantile(revocations, 0.5),
      p99Ms: quantile(revocations, 0.99),
      commitP50Ms: quantile(commits, 0.5),
      commitP99Ms: quantile(commits, 0.99),
      cpuMs,
    };
  } finally {
    clearInterval(checking);
    await Promise.all(servers.map((server) => server.stop()));
    await sql.end();
    await openfga.stop();
  }
}

async function timed(work: () => PromiseLike<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
