import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type MainJob, startMainJob } from "../kit/main-job.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
let job: MainJob;
let directory: string;
let keyFile: string;
beforeAll(async () => {
  job = await startMainJob();
  directory = mkdtempSync(join(tmpdir(), "patwarden-cli-"));
  keyFile = join(directory, "key");
  writeFileSync(keyFile, `${job.server.keys.admin}\n`, { mode: 0o600 });
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await job.stop();
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: directory,
    env: { PATH: process.env["PATH"] ?? "", PATWARDEN_CLIENT_URL: job.server.http, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stdout, stderr })));
}
const patwarden = (...args: string[]) => run([...args, "--key-file", keyFile]);
const reasonOf = async (token: string) => {
  const reply = await job.server.ports[0]?.call(AuthorizationService.method.check, {
    token,
    resource: "document:roadmap",
    action: "viewer",
  });
  return reply?.ok ? reply.value.reason : undefined;
};

describe("the command line over the API", () => {
  it("takes a token through its life; the secret alone stands on stdout", async () => {
    const created = await patwarden(
      ...["token", "create", "--subject", "user:alice", "--name", "ci", "--ttl", "1d"],
      ...["--action", "viewer", "--resource", "document:*", "--metadata", "team=blue"],
    );
    expect(created.code).toBe(0);
    const secret = created.stdout.trim();
    expect(secret).toMatch(/^pw_pat_[0-9A-Za-z]{49}$/);
    expect(created.stderr).toContain("viewer on document:*");
    expect(created.stderr).not.toContain(secret);
    expect(await reasonOf(secret)).toBe(Reason.ALLOWED);
    const id = /tok_[0-9a-z]{26}/.exec(created.stderr)?.[0] ?? "";

    const shown = JSON.parse((await patwarden("token", "show", id, "--json")).stdout);
    expect(shown).toMatchObject({ id, name: "ci", metadata: { team: "blue" } });
    const rotated = await patwarden("token", "rotate", id, "--grace", "1h", "--json");
    expect(await reasonOf(JSON.parse(rotated.stdout).secret)).toBe(Reason.ALLOWED);
    expect((await patwarden("token", "suspend", id, "--comment", "lost")).stdout).toMatch(/^state: +suspended$/m);
    expect((await patwarden("token", "resume", id)).stdout).toMatch(/^state: +active$/m);
    expect((await patwarden("token", "revoke", id, "--reason", "leaked")).stdout).toMatch(/^revoked: .*\(leaked\)$/m);
    expect(await reasonOf(secret)).toBe(Reason.TOKEN_REVOKED);
    const listed = await patwarden("token", "list", "--subject", "user:alice", "--state", "revoked");
    expect(listed.stdout).toMatch(
      new RegExp(`^ID +SUBJECT +NAME +STATE +ENDS\n.*${id} +user:alice +ci +revoked +`, "s"),
    );
    expect(JSON.parse((await patwarden("token", "list", "--json")).stdout).tokens.length).toBe(await job.countTokens());
  });

  it("EX-12 shows when a token ends, and that it has", async () => {
    const { token } = await job.createToken({
      subject: "user:ending",
      name: "n",
      lifetime: { case: "ttl", value: { seconds: 1n } },
    });
    const end = token.expireTime ? timestampDate(token.expireTime).toISOString() : "";
    const shown = async () => (await patwarden("token", "show", token.id)).stdout;
    await expect.poll(shown, { timeout: 20_000 }).toMatch(/^state: +expired$/m);
    expect(await shown()).toMatch(new RegExp(`^ends: +${end}$`, "m"));
    const listed = await patwarden("token", "list", "--subject", "user:ending", "--state", "expired");
    expect(listed.stdout).toMatch(new RegExp(`^${token.id} +user:ending +n +expired +${end}$`, "m"));
    expect(JSON.parse((await patwarden("token", "show", token.id, "--json")).stdout)).toMatchObject({
      state: "STATE_EXPIRED",
      expireTime: end,
    });
  });

  it("shows, disables, enables and deletes subjects", async () => {
    await patwarden("token", "create", "--subject", "user:cli", "--name", "n");
    expect((await patwarden("subject", "show", "user:cli")).stdout).toMatch(/^live tokens: 1$/m);
    expect((await patwarden("subject", "disable", "user:cli")).stdout).toMatch(/^state: +disabled$/m);
    expect((await patwarden("subject", "enable", "user:cli")).stdout).toMatch(/^state: +active$/m);
    const deleted = JSON.parse((await patwarden("subject", "delete", "user:cli", "--json")).stdout);
    expect(deleted).toMatchObject({ state: "STATE_DELETED", liveTokens: 0 });
  });

  it("shows and sets policies, telling first how many tokens a change would block", async () => {
    const scope = "organization:cli";
    await patwarden("token", "create", "--subject", scope, "--name", "n", "--never");
    const settings = ["require_expiry=true", "max_lifetime=30d", "allowed_actions=viewer,editor"];
    const tried = await patwarden("policy", "set", scope, ...settings, "--validate-only");
    expect(tried.stdout).toContain("1 living tokens would be blocked");
    expect((await patwarden("policy", "set", scope, ...settings)).code).toBe(0);
    expect((await patwarden("policy", "show", scope)).stdout).toMatch(/^max_lifetime: +30 days$/m);
    expect((await patwarden("policy", "set", scope, "max_lifetime=")).stdout).not.toContain("30 days");
    expect((await patwarden("policy", "delete", scope)).code).toBe(0);
  });

  it("says on stderr what is wrong, where, and what would be right; exit codes tell wrong from later", async () => {
    const invalid = await patwarden("token", "create", "--subject", "group:x", "--name", " ");
    expect(invalid).toMatchObject({ code: 1, stdout: "" });
    expect(invalid.stderr).toContain("INVALID_FIELD");
    expect(invalid.stderr).toContain("subject: must be of type user or organization");
    expect(invalid.stderr).toContain("name: must not be empty or blank");
    expect((await patwarden("token", "show", "tok_01h455vb4pex5vsknk084sn02q")).stderr).toContain("NOT_FOUND");
    const usage = await patwarden("token", "create", "--subject", "user:a", "--name", "n", "--ttl", "soon");
    expect(usage.code).toBe(1);
    expect(usage.stderr).toContain("must be a duration such as 90d");
    for (const args of [
      ["token", "create", "--subject", "user:a", "--name", "n", "--expires"],
      ["usage", "query", "--from"],
    ]) {
      const absent = await patwarden(...args, "2030-06-31T00:00:00Z");
      expect([args, absent.code, absent.stdout]).toEqual([args, 1, ""]);
      expect(absent.stderr).toContain("must be a time that exists, with its zone");
    }
    expect((await run(["token", "list"])).stderr).toContain("no service key");
    const wrong = await run(["token", "list"], { PATWARDEN_CLIENT_KEY: "pw_svc_wrong" });
    expect(wrong.stderr).toContain("CALLER_UNAUTHENTICATED");
    expect(wrong.stderr).not.toContain("wrong");
    const down = await run(["token", "list", "--key-file", keyFile], { PATWARDEN_CLIENT_URL: "http://127.0.0.1:1" });
    expect(down.code).toBe(75);
    const clear = await run(["token", "list", "--key-file", keyFile], {
      PATWARDEN_CLIENT_URL: "http://patwarden.example",
    });
    expect(clear.stderr).toContain("would send the key in clear text");
    expect((await patwarden("policy", "set", "user", "max_lifetme=1d")).stderr).toContain("must be FIELD=VALUE");
  });
});
