import { execFile } from "node:child_process";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { checkpointKey, checkpointKeyLabel, signCheckpoint } from "../../src/audit/chain.js";
import { PepperRing } from "../../src/domain/pepper.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { type Server, testPepper } from "../kit/server.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
const day = 86_400_000;
const waiting = { timeout: 20_000, interval: 50 };

let patwarden: Patwarden;
let sql: postgres.Sql;
beforeAll(async () => {
  patwarden = await startPatwarden();
  sql = postgres(patwarden.databaseUrl, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await sql.end();
  await patwarden.stop();
});

const serve = (): Promise<Server> => patwarden.startReplica({ config: { audit: { retention: "1d" } } });
const count = async (table: string): Promise<number> =>
  (await sql`select count(*)::int as count from ${sql(table)}`)[0]?.["count"];

/** Runs `patwarden audit ARGS` with a server's configuration. Throws unless the exit code is 0. */
async function audit({ configFile }: Server, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [main, "audit", ...args, "--config", configFile]);
}

/** Attests the end of the chain as the server would have done two days ago, and returns its position. */
async function attestedLongAgo(): Promise<number> {
  await expect.poll(() => count("audit_pending"), waiting).toBe(0);
  const [end] = await sql`select position::int, hash from audit_seal order by position desc limit 1`;
  const time = new Date(Date.now() - 2 * day);
  const pepper = { version: 1, key: Buffer.from(testPepper, "base64"), active: true };
  const key = checkpointKey(new PepperRing("pw", [pepper]).deriveKey(checkpointKeyLabel));
  const statement = signCheckpoint(key, { position: end?.["position"], hash: end?.["hash"], time });
  await sql`delete from audit_checkpoint`;
  await sql`insert into audit_checkpoint (position, at, statement) values (${end?.["position"]}, ${time}, ${statement})`;
  return end?.["position"];
}

it("a server with audit.retention deletes what is older, and audit verify and export go on from there", async () => {
  const revoked = await patwarden.createToken({ subject: "user:alice", name: "old" });
  const { port } = patwarden;
  expect(await port.call(TokenService.method.revokeToken, { id: revoked.token.id })).toMatchObject({ ok: true });
  const position = await attestedLongAgo();
  await sql`update token set revoked_at = now() - interval '2 days', expires_at = null where name = 'old'`;
  const tokens = await count("token");

  const cutting = await serve();
  await expect.poll(() => count("audit_event"), waiting).toBe(0);
  await expect.poll(() => count("audit_seal"), waiting).toBe(1);
  await expect.poll(() => count("token"), waiting).toBe(tokens - 1);
  expect(await port.call(TokenService.method.getToken, { id: revoked.token.id })).toMatchObject({
    reason: "NOT_FOUND",
  });

  const { token } = await patwarden.createToken({ subject: "user:alice", name: "new" });
  await expect.poll(() => count("audit_seal"), waiting).toBe(2);
  const verified = await audit(cutting, "verify", "--json");
  expect(JSON.parse(verified.stdout)).toMatchObject({ position: position + 1, cut: { position } });
  expect((await audit(cutting, "verify")).stdout).toContain(`deleted the events up to position ${position}`);
  const exported = await audit(cutting, "export");
  expect(JSON.parse(exported.stdout)).toMatchObject({ position: position + 1, token_id: token.id });
  expect(exported.stderr).toBe(`positions 1 to ${position} were deleted by the retention\n`);
  const listed = await port.call(AuditService.method.listAuditEvents, {});
  expect(listed?.ok && listed.value.events.map(({ tokenId }) => tokenId)).toEqual([token.id]);

  // An attacker who removes more cannot sign that.
  await sql`delete from audit_checkpoint`;
  await expect(audit(cutting, "verify")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the audit chain is broken at position 1"),
  });
  expect(await cutting.stop()).toBe(0);
}, 120_000);
