import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { startServer } from "../kit/server.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
let job: Patwarden;
let sql: postgres.Sql;
let directory: string;
beforeAll(async () => {
  job = await startPatwarden();
  sql = postgres(job.databaseUrl, { max: 1, onnotice: () => undefined });
  directory = mkdtempSync(join(tmpdir(), "patwarden-audit-cli-"));
});
afterAll(async () => {
  for (const child of living) child.kill("SIGKILL");
  rmSync(directory, { recursive: true });
  await sql.end();
  await job.stop();
});

const living = new Set<ChildProcess>();

interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The exit code, or the signal that ended the process. */
  readonly ended: Promise<number | string | null>;
}

/** Starts `patwarden audit ARGS` with the server's configuration. */
function start(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [main, "audit", ...args, "--config", job.server.configFile], {
    cwd: directory,
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  living.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<number | string | null>((resolve) =>
    child.once("close", (code, signal) => {
      living.delete(child);
      resolve(code ?? signal);
    }),
  );
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

async function run(...args: readonly string[]) {
  const running = start(...args);
  const code = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

const waiting = { timeout: 20_000, interval: 50 };
/** Waits until everything that happened so far is in the chain; returns its last position and hash. */
async function sealed(): Promise<{ readonly position: number; readonly hash: string }> {
  await vi.waitUntil(async () => (await sql`select from audit_pending limit 1`).length === 0, waiting);
  const [last] =
    await sql`select position::int, encode(hash, 'hex') as hash from audit_seal order by position desc limit 1`;
  return { position: last?.["position"], hash: last?.["hash"] };
}
const make = async (name: string) => (await job.createToken({ subject: "user:alice", name })).token.id;
/** Returns the log of another server of this trail up to its first checkpoint, and that checkpoint. */
async function checkpointed(): Promise<{ readonly log: string; readonly checkpoint: string }> {
  const { grpc, apiKey, storeId, modelId } = job.openfga;
  const openfga = { addresses: [grpc], apiKey, storeId, modelId };
  const server = await startServer({ databaseUrl: job.databaseUrl, openfga });
  const found = () => /"checkpoint":"([^"]+)"/.exec(server.log())?.[1];
  const checkpoint = await vi.waitUntil(found, waiting);
  await server.stop();
  return { log: server.log(), checkpoint };
}
const positionsOf = (ndjson: string) => linesOf(ndjson).map(({ position }) => position);

interface ExportedEvent {
  readonly position: number;
  readonly action: string;
  readonly token_id?: string;
  readonly hash: string;
  readonly previous_hash: string;
}

/** Returns the event of every line, each of which must be complete. */
function linesOf(ndjson: string): readonly ExportedEvent[] {
  expect(ndjson === "" || ndjson.endsWith("\n")).toBe(true);
  return ndjson
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

describe("patwarden audit verify", () => {
  let logFile: string;
  let attested: string;
  beforeAll(async () => {
    for (const name of ["a", "b", "c"]) await make(name);
    await sealed();
    const { log, checkpoint } = await checkpointed();
    attested = checkpoint;
    logFile = join(directory, "patwarden.log");
    writeFileSync(logFile, log);
  });

  it("finds the trail of a running server whole, and says how far it goes", async () => {
    const last = await sealed();
    const plain = await run("verify");
    expect(plain.code).toBe(0);
    expect(plain.stdout).toBe(
      `the audit chain is intact, 0 checkpoint(s) match; the last position is ${last.position}, its hash ${last.hash}\n`,
    );
    expect(plain.stderr).toContain("no --checkpoint");
    const json = await run("verify", "--json");
    expect([json.code, JSON.parse(json.stdout)]).toEqual([0, { ...last, checkpoints: 0 }]);
  });

  it("takes checkpoints of a server's log, as a file and as a line, and none that somebody else has signed", async () => {
    for (const source of [logFile, attested]) {
      const verified = await run("verify", "--json", "--checkpoint", source);
      expect([verified.code, JSON.parse(verified.stdout).checkpoints]).toEqual([0, 1]);
    }
    const forged = `${attested.slice(0, 100)}${attested[100] === "A" ? "B" : "A"}${attested.slice(101)}`;
    const refused = await run("verify", "--checkpoint", forged);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("no pepper of this configuration signed it");
  });

  it("ends with 1 when the end was cut off, which only a checkpoint tells", async () => {
    const { position } = await sealed();
    const [seal] = await sql`delete from audit_seal where position = ${position} returning *`;
    const [event] = await sql`delete from audit_event where id = ${seal?.["event_id"]} returning *`;
    if (!seal || !event) throw new Error("the end of the chain");
    try {
      expect((await run("verify")).code).toBe(0);
      const verified = await run("verify", "--checkpoint", logFile);
      expect(verified).toMatchObject({ code: 1, stdout: "" });
      expect(verified.stderr).toContain(`broken at position ${position}: the chain ends before this position`);
    } finally {
      await sql`insert into audit_event ${sql(event)}`;
      await sql`insert into audit_seal ${sql(seal)}`;
    }
    expect((await run("verify", "--checkpoint", logFile)).code).toBe(0);
  });

  it.each<[string, (change: postgres.Sql, position: number) => Promise<unknown>]>([
    [
      "hash of a seal",
      (change, position) =>
        change`update audit_seal set hash = set_byte(hash, 0, 255 - get_byte(hash, 0)) where position = ${position}`,
    ],
    [
      "previous hash of a seal",
      (change, position) =>
        change`update audit_seal set previous_hash = set_byte(previous_hash, 31, 255 - get_byte(previous_hash, 31)) where position = ${position}`,
    ],
    [
      "event",
      (change, position) =>
        change`update audit_event set actor = 'service:innocent' where id = (select event_id from audit_seal where position = ${position})`,
    ],
    [
      "position of a seal",
      (change, position) => change`update audit_seal set position = 1000000 where position = ${position}`,
    ],
  ])("ends with 1 and names the position when the %s was altered", async (_what, alter) => {
    const { position: last } = await sealed();
    const position = last - 1;
    const rows = await sql`select * from audit_seal where position = ${position}`;
    const events =
      await sql`select e.id, e.actor from audit_event e join audit_seal s on s.event_id = e.id where s.position = ${position}`;
    await alter(sql, position);
    try {
      const verified = await run("verify", "--json");
      expect(verified).toMatchObject({ code: 1, stdout: "" });
      expect(verified.stderr).toContain(`patwarden: the audit chain is broken at position ${position}:`);
    } finally {
      for (const { event_id, hash, previous_hash } of rows) {
        await sql`update audit_seal set position = ${position}, hash = ${hash}, previous_hash = ${previous_hash} where event_id = ${event_id}`;
      }
      for (const { id, actor } of events) await sql`update audit_event set actor = ${actor} where id = ${id}`;
    }
  });
});

describe("patwarden audit export", () => {
  it("prints what has happened, one object a line in the order of the chain, and ends", async () => {
    const id = await make("exported");
    const { position, hash } = await sealed();
    const exported = await run("export");
    expect([exported.code, exported.stderr]).toEqual([0, ""]);
    const lines = linesOf(exported.stdout);
    expect(positionsOf(exported.stdout)).toEqual(Array.from({ length: position }, (_, index) => index + 1));
    expect(lines.at(-1)).toMatchObject({ action: "token.created", token_id: id, hash });
    expect(lines.slice(1).map(({ previous_hash }) => previous_hash)).toEqual(
      lines.slice(0, -1).map((line) => line.hash),
    );
    expect(positionsOf((await run("export", "--from", String(position))).stdout)).toEqual([position]);
    expect(await run("export", "--from", String(position + 1))).toEqual({ code: 0, stdout: "", stderr: "" });
    const wrong = await run("export", "--from", "0");
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain("--from must be a position, 1 or more");
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "follows: first what has happened, then what happens, each event once, until %s ends it well",
    async (signal) => {
      const old = await make("old");
      const { position } = await sealed();
      const following = start("export", "--follow");
      const printed = () => following.stdout();
      await expect.poll(printed, waiting).toContain(`"token_id":"${old}"`);
      expect(positionsOf(printed())).toEqual(Array.from({ length: position }, (_, index) => index + 1));
      const fresh = await make("new");
      await expect.poll(printed, waiting).toContain(`"token_id":"${fresh}"`);
      following.child.kill(signal);
      expect(await following.ended).toBe(0);
      expect(positionsOf(printed())).toEqual(Array.from({ length: position + 1 }, (_, index) => index + 1));
      expect(following.stderr()).toBe("");
    },
  );

  it("A7 ends quietly when its reader has gone, as SIGPIPE would end it", async () => {
    const following = start("export", "--follow");
    await expect.poll(() => following.stdout(), waiting).not.toBe("");
    following.child.stdout?.destroy();
    await make("unread");
    expect([await following.ended, following.stderr()]).toEqual([141, expect.not.stringContaining("EPIPE")]);
  });
});
