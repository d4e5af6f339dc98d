import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { AuditEvent } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { consoleConfig } from "../kit/console.js";
import { startTestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { selfSigned } from "../kit/self-signed.js";
import { hashOf, newKey } from "../kit/server.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
let job: Patwarden;
let directory: string;
let keyFile: string;
beforeAll(async () => {
  job = await startPatwarden();
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

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, stdin = ""): Promise<Outcome> {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: directory,
    env: { PATH: process.env["PATH"] ?? "", PATWARDEN_CLIENT_URL: job.server.http, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A command that does not read stdin may end before.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
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
/** The same, with a secret on stdin. */
const patwardenWith = (stdin: string, ...args: string[]) => run([...args, "--key-file", keyFile], {}, `${stdin}\n`);
const reasonOf = async (token: string) => {
  const reply = await job.server.ports[0]?.call(AuthorizationService.method.check, {
    token,
    resource: "document:roadmap",
    action: "viewer",
  });
  return reply?.ok ? reply.value.reason : undefined;
};

describe("the command line over the API", () => {
  it("takes a token through its life; stdout has only the secret", async () => {
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
    expect((await patwarden("token", "suspend", id, "--comment", "lost")).stdout).toMatch(/^usable: +no, suspended$/m);
    expect((await patwarden("token", "resume", id)).stdout).toMatch(/^usable: +yes$/m);
    expect((await patwarden("token", "revoke", id, "--reason", "leaked")).stdout).toMatch(/^revoked: .*\(leaked\)$/m);
    expect(await reasonOf(secret)).toBe(Reason.TOKEN_REVOKED);
    const listed = await patwarden("token", "list", "--subject", "user:alice", "--state", "revoked");
    expect(listed.stdout).toMatch(
      new RegExp(`^ID +SUBJECT +NAME +USABLE +LAST USED +ENDS +GRANT\n.*${id} +user:alice +ci +no, revoked +20`, "s"),
    );
    expect(JSON.parse((await patwarden("token", "list", "--json")).stdout).tokens.length).toBe(await job.countTokens());
  });

  it("lists what filters select, in an order, and counts it", async () => {
    const subject = "user:sorted";
    const make = (name: string, over: object = {}) => job.createToken({ subject, name, ...over });
    await make("Beta", { description: "for the Warehouse" });
    await make("alpha", { lifetime: { case: "neverExpires", value: true } });
    await make("gamma");
    const names = async (...options: readonly string[]) => {
      const { stdout, stderr } = await patwarden("token", "list", "--subject", subject, "--json", ...options);
      expect(stderr).toBe("");
      return JSON.parse(stdout).tokens.map(({ name }: { readonly name: string }) => name);
    };
    expect(await names()).toEqual(["gamma", "alpha", "Beta"]);
    expect(await names("--order-by", "name desc")).toEqual(["gamma", "Beta", "alpha"]);
    expect(await names("--query", "warehouse")).toEqual(["Beta"]);
    expect(await names("--never-expires")).toEqual(["alpha"]);
    expect(await names("--no-never-expires", "--order-by", "name")).toEqual(["Beta", "gamma"]);
    expect(await names("--kind", "user", "--no-bound", "--full", "--no-blocked")).toHaveLength(3);
    expect(await names("--kind", "organization")).toEqual([]);
    expect(await names("--ends-before", "2020-01-01T00:00:00Z")).toEqual([]);
    expect(await names("--revoked-because", "leaked", "--revoked-because", "unused")).toEqual([]);
    const wrong = await patwarden("token", "list", "--order-by", "size");
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("order_by: must be one of create_time")]);

    const summary = await patwarden("token", "summary", "--subject", subject);
    expect(summary.stdout).toMatch(/^tokens: +3$.*^never ending: +1$/ms);
    expect(JSON.parse((await patwarden("token", "summary", "--subject", subject, "--json")).stdout)).toMatchObject({
      total: 3,
      active: 3,
      neverExpires: 1,
      revoked: 0,
    });
  });

  it("revokes several tokens, and says of each what happened", async () => {
    const made = [await job.createToken({ name: "n" }), await job.createToken({ name: "n" })];
    const ids = made.map(({ token }) => token.id);
    const missing = "tok_01h455vb4pex5vsknk084sn02q";
    const { code, stdout, stderr } = await patwarden("token", "revoke", ...ids, ids[0] ?? "", missing);
    expect([code, stderr]).toEqual([1, expect.stringContaining("1 of 3 tokens are not revoked")]);
    expect(stdout).toBe(
      `${["ID".padEnd(30), ...ids, missing].map((id, index) => `${id}  ${["RESULT", "revoked", "revoked", "not found"][index]}`).join("\n")}\n`,
    );
    for (const { secret } of made) expect(await reasonOf(secret)).toBe(Reason.TOKEN_REVOKED);
    const again = await patwarden("token", "revoke", ...ids, "--json");
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
      0,
      { count: 0, results: ids.map((id) => ({ id, result: "RESULT_REVOKED_BEFORE" })) },
    ]);
  });

  it("revokes what a filter selects, after the number was confirmed", async () => {
    const subject = "user:selected";
    const made = [await job.createToken({ subject, name: "old" }), await job.createToken({ subject, name: "old" })];
    const kept = await job.createToken({ subject, name: "new" });
    const select = ["token", "revoke", "--filter", "--subject", subject, "--query", "old"] as const;
    const asked = await patwarden(...select);
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining("add --expected-count 2 or --yes")]);
    const other = await patwarden(...select, "--expected-count", "3");
    expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/POLICY_VIOLATION.*limit: 2/s)]);
    expect(await reasonOf(made[0]?.secret ?? "")).toBe(Reason.NOT_PERMITTED);
    expect(await patwarden(...select, "--expected-count", "2")).toMatchObject({
      code: 0,
      stdout: "2 tokens revoked\n",
      stderr: "",
    });
    for (const { secret } of made) expect(await reasonOf(secret)).toBe(Reason.TOKEN_REVOKED);
    expect(await reasonOf(kept.secret)).toBe(Reason.NOT_PERMITTED);
    expect((await patwarden(...select, "--yes")).stdout).toBe("0 tokens revoked\n");
    const rest = await patwarden("token", "revoke", "--filter", "--subject", subject, "--yes", "--json");
    expect(JSON.parse(rest.stdout)).toMatchObject({ count: 1, results: [] });
    for (const wrong of [
      ["token", "revoke"],
      ["token", "revoke", "--filter"],
      ["token", "revoke", "--subject", subject],
      ["token", "revoke", kept.token.id, "--filter", "--subject", subject],
      ["token", "revoke", kept.token.id, "--subject", subject],
      ["token", "revoke", "--filter", "--subject", subject, "--expected-count", "0"],
    ]) {
      const { code, stdout, stderr } = await patwarden(...wrong);
      expect([code, stdout], wrong.join(" ")).toEqual([1, ""]);
      expect(stderr, wrong.join(" ")).toMatch(/--filter|must be a whole number/);
    }
  });

  it("lists subjects by prefix", async () => {
    await job.createToken({ subject: "user:prefixed-1", name: "n" });
    await patwarden("subject", "delete", "user:prefixed-2");
    const { stdout } = await patwarden("subject", "list", "--prefix", "user:prefixed");
    expect(stdout).toMatch(
      /^SUBJECT +STATE +TOKENS +CHANGED\nuser:prefixed-1 +active +1 +never\nuser:prefixed-2 +deleted +0 +20.*Z\n$/,
    );
    const deleted = await patwarden("subject", "list", "--prefix", "user:prefixed", "--state", "deleted", "--json");
    expect(JSON.parse(deleted.stdout)).toMatchObject({
      subjects: [{ subject: "user:prefixed-2", state: "STATE_DELETED", liveTokens: 0 }],
      nextPageToken: "",
    });
  });

  it("EX-12 shows when a token ends, and that it has", async () => {
    const { token } = await job.createToken({
      subject: "user:ending",
      name: "n",
      lifetime: { case: "ttl", value: { seconds: 1n } },
    });
    const end = token.expireTime ? timestampDate(token.expireTime).toISOString() : "";
    const endInText = end.replace(/\.\d+/, "");
    const shown = async () => (await patwarden("token", "show", token.id)).stdout;
    await expect.poll(shown, { timeout: 20_000 }).toMatch(/^usable: +no, expired$/m);
    expect(await shown()).toMatch(new RegExp(`^ends: +${endInText}$`, "m"));
    const listed = await patwarden("token", "list", "--subject", "user:ending", "--state", "expired");
    expect(listed.stdout).toMatch(new RegExp(`^${token.id} +user:ending +n +no, expired +never +${endInText} +`, "m"));
    expect(JSON.parse((await patwarden("token", "show", token.id, "--json")).stdout)).toMatchObject({
      state: "STATE_EXPIRED",
      expireTime: end,
    });
  });

  it("shows, disables, enables and deletes subjects", async () => {
    await patwarden("token", "create", "--subject", "user:cli", "--name", "n", "--full");
    expect((await patwarden("subject", "show", "user:cli")).stdout).toMatch(/^tokens: +1 neither ended nor expired$/m);
    expect((await patwarden("subject", "disable", "user:cli")).stdout).toMatch(/^state: +disabled: /m);
    expect((await patwarden("subject", "enable", "user:cli")).stdout).toMatch(/^state: +enabled$/m);
    const deleted = JSON.parse((await patwarden("subject", "delete", "user:cli", "--json")).stdout);
    expect(deleted).toMatchObject({ state: "STATE_DELETED", liveTokens: 0 });
  });

  it("shows and sets policies, and reports first how many tokens a change would block", async () => {
    const scope = "organization:cli";
    await patwarden("token", "create", "--subject", scope, "--name", "n", "--full", "--never");
    const settings = ["require_expiry=true", "max_lifetime=30d", "allowed_actions=viewer,editor"];
    const tried = await patwarden("policy", "set", scope, ...settings, "--validate-only");
    expect(tried.stdout).toMatch(
      /^nothing was changed; tokens that would no longer be usable: 1\ntok_[0-9a-z]{26}\n$/m,
    );
    expect((await patwarden("policy", "set", scope, ...settings)).code).toBe(0);
    expect((await patwarden("policy", "show", scope)).stdout).toMatch(/^max_lifetime: +30 days$/m);
    expect((await patwarden("policy", "set", scope, "max_lifetime=")).stdout).not.toContain("30 days");
    expect((await patwarden("policy", "delete", scope)).code).toBe(0);
  });

  it("shows what changed since the last approval, and what a change would do", async () => {
    const approver = newKey();
    const replica = await job.startReplica({
      callers: [{ name: "approver", key_sha256: [hashOf(approver)], permissions: ["tokens.read", "tokens.approve"] }],
    });
    const scope = "organization:four-eyes";
    await patwarden("policy", "set", scope, "require_approval=true");
    const grant = ["--action", "viewer", "--resource", "document:1"];
    const made = await patwarden(
      ...["token", "create", "--subject", scope, "--name", "n", "--justification", "for the move", "--json", ...grant],
    );
    const { id, etag } = JSON.parse(made.stdout).token;
    const asApprover = { PATWARDEN_CLIENT_URL: replica.http, PATWARDEN_CLIENT_KEY: approver };
    expect(await run(["token", "approve", id, "--etag", etag], asApprover)).toMatchObject({ code: 0 });
    const widening = ["token", "update", id, "--never", ...grant, "--resource", "document:2"];
    const planned = await patwarden(...widening, "--validate-only");
    expect(planned.stderr).toBe("nothing was changed; the token would be\n");
    expect(planned.stdout).toMatch(/^usable: +no, pending approval$/m);
    expect((await patwarden("token", "show", id)).stdout).toMatch(/^usable: +yes$/m);
    await patwarden(...widening);
    const { stdout } = await patwarden("token", "show", id);
    for (const line of [
      "justification: +for the move",
      "approved before: +20.* by service:approver",
      "changed grant: +viewer on document:1 -> viewer on document:1 document:2",
      "changed ends: +20.* -> never",
    ]) {
      expect(stdout).toMatch(new RegExp(`^${line}$`, "m"));
    }
    expect(stdout).not.toContain("changed networks");
    expect(JSON.parse((await patwarden("token", "show", id, "--json")).stdout)).toMatchObject({
      approvedBefore: { approval: { decidedBy: "service:approver" } },
    });
    await replica.stop();
  });

  it("lists audit events, and the history of a token", async () => {
    const { token } = await job.createToken({ subject: "user:audited" });
    await patwarden("token", "suspend", token.id, "--comment", "lost");
    const history = await patwarden("token", "history", token.id);
    expect(history.stdout).toMatch(
      new RegExp(
        `^TIME +ACTION +ACTOR +SUBJECT +TOKEN +ADDRESS +DETAILS\n` +
          `20\\S+ +token.suspended +service:admin +user:audited +${token.id} +127.0.0.1 .*lost.*\n` +
          `20\\S+ +token.created +service:admin .*\n$`,
      ),
    );
    const list = async (...args: string[]) =>
      JSON.parse((await patwarden("audit", "list", "--json", ...args)).stdout).events as readonly AuditEvent[];
    const made = await list("--subject", "user:audited", "--action", "token.created", "--action", "token.denied");
    expect(made).toMatchObject([{ action: "token.created", tokenId: token.id }]);
    expect(await list("--organization", "organization:nobody")).toEqual([]);
    const newest = await patwarden("audit", "list", "--limit", "1", "--token", token.id);
    expect(newest.stdout).toContain("token.suspended");
    expect(newest.stdout).not.toContain("token.created");
    expect(newest.stderr).toBe("these are the newest 1; --limit shows more\n");
    const wrong = await patwarden("audit", "list", "--action", "token.made");
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("must be one of token.created, ")]);
    expect((await patwarden("audit", "list", "--limit", "0")).stderr).toContain("must be a whole number, 1 or more");
  });

  it("says on stderr what is wrong, where, and what would be right; the exit code shows whether to retry", async () => {
    const invalid = await patwarden("token", "create", "--subject", "group:x", "--name", " ", "--full");
    expect(invalid).toMatchObject({ code: 1, stdout: "" });
    expect(invalid.stderr).toContain("INVALID_FIELD");
    expect(invalid.stderr).toContain("subject: must be of type user or organization");
    expect(invalid.stderr).toContain("name: must not be empty or blank");
    expect((await patwarden("token", "show", "tok_01h455vb4pex5vsknk084sn02q")).stderr).toContain("NOT_FOUND");
    const usage = await patwarden("token", "create", "--subject", "user:a", "--name", "n", "--full", "--ttl", "soon");
    expect(usage.code).toBe(1);
    expect(usage.stderr).toContain("must be a duration such as 90d");
    for (const args of [
      ["token", "create", "--subject", "user:a", "--name", "n", "--full", "--expires"],
      ["usage", "query", "--from"],
    ]) {
      const absent = await patwarden(...args, "2030-06-31T00:00:00Z");
      expect([args, absent.code, absent.stdout]).toEqual([args, 1, ""]);
      expect(absent.stderr).toContain("must be a time that exists, with its zone");
    }
    expect((await run(["token", "list"])).stderr).toContain("no service key");
    const wrong = await run(["token", "list"], { PATWARDEN_CLIENT_KEY: "pw_svc_wrong" });
    expect(wrong.stderr).toContain("CALLER_UNAUTHENTICATED");
    expect(wrong.stderr).toContain("the key came from PATWARDEN_CLIENT_KEY");
    expect(wrong.stderr).not.toContain("wrong");
    const down = await run(["token", "list", "--key-file", keyFile], { PATWARDEN_CLIENT_URL: "http://127.0.0.1:1" });
    expect(down).toMatchObject({ code: 75, stderr: expect.stringContaining("is Patwarden running there?") });
    const clear = await run(["token", "list", "--key-file", keyFile], {
      PATWARDEN_CLIENT_URL: "http://patwarden.example",
    });
    expect(clear.stderr).toContain("would send the key in clear text");
    expect((await patwarden("policy", "set", "user", "max_lifetme=1d")).stderr).toContain("must be FIELD=VALUE");
  });
});

describe("a grant on the command line", () => {
  const create = (...args: string[]) => patwarden("token", "create", "--subject", "user:alice", "--name", "n", ...args);

  it.each([
    ["none", [], "use --full to grant everything that the subject may do, or --action and --resource"],
    ["an action alone", ["--action", "viewer"], "--action needs --resource"],
    ["a resource alone", ["--resource", "document:*"], "--resource needs --action"],
    ["all and a part", ["--full", "--action", "viewer"], "cannot be used with option '--action"],
  ])("%s is refused with what would be right", async (_, args, right) => {
    expect(await create(...args)).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(right) });
  });

  it("that is only validated makes nothing, and says so without an id", async () => {
    const before = await job.countTokens();
    const { code, stdout, stderr } = await create("--full", "--validate-only");
    expect([code, stdout, stderr.split("\n")[0]]).toEqual([0, "", "nothing was created; the token would be"]);
    expect(stderr).not.toMatch(/tok_|etag/);
    expect(await job.countTokens()).toBe(before);
  });
});

describe("what is usable", () => {
  it("is said in lists and of each token, whatever stops it", async () => {
    const subject = "user:usable";
    const make = (name: string) => job.createToken({ subject, name, grant: { full: true } });
    const { token: good } = await make("good");
    const { token: suspended } = await make("suspended");
    await patwarden("token", "suspend", suspended.id);
    const list = async (...args: string[]) => (await patwarden("token", "list", "--subject", subject, ...args)).stdout;
    const row = (id: string, usable: string) => new RegExp(`^${id} +user:usable .* ${usable} +never +20`, "m");
    expect(await list()).toMatch(row(good.id, "yes"));
    expect(await list()).toMatch(row(suspended.id, "no, suspended"));
    const usable = await list("--usable");
    expect(usable).toContain(good.id);
    expect(usable).not.toContain(suspended.id);
    await patwarden("subject", "disable", subject);
    expect(await list()).toMatch(row(good.id, "no, subject disabled"));
    expect(await list("--usable")).not.toContain(good.id);
    expect((await patwarden("token", "show", good.id)).stdout).toMatch(/^usable: +no, subject disabled$/m);
  });

  it.each(["nope", "STATE_ACTIVE", "active"])("has no state %s: the error names the valid states", async (state) => {
    const { code, stderr } = await patwarden("token", "list", "--state", state);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Allowed choices are pending_approval, suspended, ")]);
  });
});

describe("a token's secret on stdin", () => {
  const resource = "document:roadmap";

  it("is checked, shown and explained step by step", async () => {
    const rules = [{ actions: ["viewer"], resources: ["document:*"] }];
    const { token, secret } = await job.createToken({ subject: "user:alice", name: "why", grant: { rules } });
    const allowed = await patwardenWith(secret, "check", "-", "viewer", resource);
    expect(allowed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^allowed: yes\nreason: +ALLOWED/) });
    const refused = await patwardenWith(secret, "check", "-", "editor", resource, "--json");
    expect([refused.code, JSON.parse(refused.stdout)]).toEqual([
      2,
      expect.objectContaining({ reason: "REASON_NOT_GRANTED", tokenId: token.id }),
    ]);
    expect((await patwardenWith(secret, "whoami", "-")).stdout).toContain(token.id);
    expect((await patwardenWith(secret, "token", "show", "-")).stdout).toMatch(/^etag: +\S+$/m);

    const verdicts = async (...args: string[]) => {
      const { code, stdout } = await patwardenWith(secret, "why", "-", ...args);
      return [
        code,
        ...stdout.split("\n").flatMap((line) => /^\d .*?(passed|refused|not reached)/.exec(line)?.[1] ?? []),
      ];
    };
    const passed = (steps: number) => Array.from({ length: steps }, () => "passed");
    expect(await verdicts("viewer", resource)).toEqual([0, ...passed(7)]);
    expect(await verdicts("editor", resource)).toEqual([2, ...passed(4), "refused", "not reached", "not reached"]);
    expect(await verdicts("viewer", "document:secret")).toEqual([2, ...passed(6), "refused"]);
    expect(await verdicts()).toEqual([0, ...passed(4), "not reached", "not reached", "not reached"]);
    const words = (await patwardenWith(secret, "why", "-", "editor", resource)).stdout;
    expect(words).toMatch(/^2 +record +passed +tok_\w+ of user:alice$/m);
    expect(words).toMatch(/^5 +grant +refused +NOT_GRANTED: .*; viewer on document:\*$/m);
    expect(words).not.toContain(secret);

    await patwarden("token", "suspend", token.id);
    const none = ["not reached", "not reached", "not reached", "not reached"];
    expect(await verdicts("viewer", resource)).toEqual([2, ...passed(2), "refused", ...none]);
    expect(await patwardenWith(secret, "whoami", "-")).toMatchObject({
      code: 2,
      stdout: expect.stringContaining("TOKEN_SUSPENDED"),
    });
    expect((await patwardenWith(secret, "token", "show", "-")).stderr).toContain("patwarden why - ACTION RESOURCE");
  });

  it.each([
    [
      ["token", "show", "pw_pat_KeG79BIHlm"],
      "that is a secret, not an id; `patwarden token show -` reads it from stdin",
    ],
    [["check", "-", "document:roadmap", "viewer"], "the order is ACTION RESOURCE"],
    [
      ["check", "-", "fly", "document:roadmap"],
      "fly is not a relation of type document in the authorization model; there are: ",
    ],
    [["check", "-", "viewer", "docment:roadmap"], "type docment is not in the authorization model; there are: "],
    [
      ["token", "create", "--subject", "user:alice", "--name", "n", "--action", "view", "--resource", "document:*"],
      "view is not a relation of type document in the authorization model; there are: ",
    ],
    [
      ["token", "create", "--subject", "alice", "--name", "n", "--full"],
      "subject: must be such as user:alice (type:id ",
    ],
    [["token", "list", "--created-by", "alice"], "created_by: must be such as user:alice or service:shop"],
    [["token", "list", "--created-by", "usr:alice"], "created_by: must be such as user:alice or service:shop"],
    [
      ["token", "create", "--subject", "user:nobody", "--organization", "organization:globex", "--name", "n", "--full"],
      "state: NOT_A_MEMBER\n  subject: user:nobody\n  organization: organization:globex",
    ],
    [["why", "-", "viewer"], "an action needs a resource after it"],
    [["token", "show", "TOK_01H455VB4PEX5VSKNK084SN02Q"], "tok_ and 26 lower-case letters and digits"],
  ])("%j is refused with what would be right", async (args, right) => {
    expect(await patwardenWith("pw_pat_KeG79BIHlm", ...args)).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining(right),
    });
  });

  it("may be an issuer's access token: what it has, and with --config what is wrong with it", async () => {
    const issuer = await startTestIssuer();
    const config = join(directory, "issuers.yaml");
    writeFileSync(
      config,
      stringify({
        ...parse(readFileSync(job.server.configFile, "utf8")),
        issuers: [{ issuer: issuer.url, audiences: [issuer.audience], step_up: { max_age: "10m" } }],
      }),
    );
    const why = async (jwt: string, ...args: string[]) => patwardenWith(jwt, "why", "-", ...args);
    const unverified = await why(await issuer.sign());
    expect(unverified.stdout).toMatch(/^verified: +no: /m);
    expect(unverified.stdout).toContain(`"${issuer.audience}"`);
    expect(await why(await issuer.sign(), "--config", config)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^accepted: +yes.*\nsubject: +user:alice$/m),
    });
    // Whether its user must sign in again before a call that gives more power.
    const stepUp = async (claims: object) =>
      /^step-up: +(.*)$/m.exec((await why(await issuer.sign({ ...claims }), "--config", config)).stdout)?.[1];
    expect(await stepUp({})).toBe("needed: the identity provider sends no auth_time");
    expect(await stepUp({ auth_time: Math.floor(Date.now() / 1000) - 60 })).toBe("done");
    const wrong = await issuer.sign({ aud: "https://other.example" });
    expect(await why(wrong, "--config", config)).toMatchObject({
      code: 2,
      stdout: expect.stringContaining(
        `audience: got "https://other.example", expected ${JSON.stringify(issuer.audience)}`,
      ),
    });
    await issuer.stop();
  });
});

it("whoami without a token asks the server whose the key of the command is", async () => {
  const known = await patwarden("whoami", "--json");
  expect([known.code, JSON.parse(known.stdout)]).toEqual([
    0,
    expect.objectContaining({ accepted: true, source: "--key-file", caller: "service:admin", permissions: ["admin"] }),
  ]);
  expect((await patwarden("whoami")).stdout).toMatch(
    /^accepted: +yes\n.*^caller: +service:admin\npermissions: +admin\n$/ms,
  );
  const narrow = await run(["whoami"], { PATWARDEN_CLIENT_KEY: job.server.keys.narrow });
  expect(narrow.stdout).toMatch(/^caller: +service:narrow\n.*^subjects: +user:\*$/ms);
  const unknown = await run(["whoami"], { PATWARDEN_CLIENT_KEY: "pw_svc_wrong" });
  expect(unknown).toMatchObject({ code: 2, stdout: expect.stringMatching(/^accepted: no: /m) });
  expect(unknown.stdout).not.toContain("pw_svc");
  const service = await patwardenWith("pw_svc_wrong", "why", "-");
  expect(service).toMatchObject({ code: 1, stderr: expect.stringContaining("that is a service key") });
});

describe("token explain", () => {
  it("shows each step of a Check without the secret, and by its exit code whether it would be allowed", async () => {
    const { token } = await job.createToken({ grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] } });
    const explain = (...args: string[]) => patwarden("token", "explain", token.id, ...args);
    const roadmap = ["--action", "viewer", "--resource", "document:roadmap"];
    const allowed = await explain(...roadmap);
    expect([allowed.code, allowed.stdout.split("\n").map((line) => line.trimEnd())]).toEqual([
      0,
      [
        "   STEP        RESULT     WHY",
        ...["1  state       passed", "2  subject     passed", "3  network     passed", "4  grant       passed"],
        ...["5  policy      passed", "6  membership  not asked", "7  permission  passed"],
        "a Check would allow it",
        "",
      ],
    ]);
    const refused = await explain("--action", "editor", "--resource", "document:payroll", "--json");
    expect([refused.code, JSON.parse(refused.stdout)]).toEqual([
      2,
      expect.objectContaining({
        reason: "REASON_NOT_GRANTED",
        steps: expect.arrayContaining([expect.objectContaining({ kind: "KIND_PERMISSION", result: "RESULT_REFUSED" })]),
      }),
    ]);
    expect(await explain()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("no step refuses; add --action and --resource for the other steps"),
    });
    await patwarden("token", "suspend", token.id);
    expect(await explain(...roadmap)).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^1 +state +refused +TOKEN_SUSPENDED: .*^a Check would answer TOKEN_SUSPENDED$/ms),
    });
    expect(await explain("--action", "viewer")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--resource and --action go together"),
    });
  });
});

describe("reach", () => {
  const viewing = ["--type", "document", "--action", "viewer"];
  it("lists what a token or a subject reaches", async () => {
    const grant = { rules: [{ actions: ["viewer"], resources: ["document:roadmap", "document:payroll"] }] };
    const { token } = await job.createToken({ grant });
    expect(await patwarden("token", "reach", token.id, ...viewing)).toMatchObject({
      code: 0,
      stdout: "document:roadmap\n",
    });
    expect((await patwarden("token", "reach", token.id, ...viewing, "--query", "pay")).stdout).toBe("no document\n");
    const listed = await patwarden("subject", "reach", "user:alice", ...viewing, "--json");
    expect(JSON.parse(listed.stdout)).toMatchObject({
      resources: ["document:handbook", "document:roadmap"],
      incomplete: false,
    });
  });
});

it("subject organizations lists where a user is a member and what the user may do there", async () => {
  const listed = await patwarden("subject", "organizations", "user:bob", "--json");
  expect(JSON.parse(listed.stdout)).toEqual({
    organizations: [
      {
        organization: "organization:acme",
        member: true,
        rights: ["RIGHT_READ", "RIGHT_CREATE", "RIGHT_APPROVE", "RIGHT_REVOKE", "RIGHT_POLICY"],
      },
    ],
    incomplete: false,
  });
  expect((await patwarden("subject", "organizations", "user:alice")).stdout).toMatch(/^organization:acme +yes$/m);
  expect((await patwarden("subject", "organizations", "user:alice", "--query", "other")).stdout).not.toContain("acme");
});

describe("changes of a token", () => {
  it("name what they change and leave the rest", async () => {
    const { token } = await job.createToken({ subject: "user:alice", name: "old", grant: { full: true } });
    const { id, etag } = token;
    expect((await patwarden("token", "update", id)).stderr).toContain("nothing to change");
    const changed = await patwarden(
      ...["token", "update", id, "--name", "new", "--cidr", "192.0.2.0/24", "--metadata", "a=b", "--etag", etag],
      "--json",
    );
    expect(JSON.parse(changed.stdout)).toMatchObject({
      name: "new",
      allowedCidrs: ["192.0.2.0/24"],
      metadata: { a: "b" },
      grant: { full: true },
    });
    expect((await patwarden("token", "update", id, "--name", "newer", "--etag", etag)).stderr).toContain(
      "ETAG_MISMATCH",
    );
    const cleared = await patwarden("token", "update", id, "--cidr", "", "--never", "--json");
    expect(JSON.parse(cleared.stdout)).toMatchObject({ name: "new", allowedCidrs: [], neverExpires: true });
    expect((await patwarden("token", "rotate", id, "--etag", etag)).stderr).toContain("ETAG_MISMATCH");
    const rotated = await patwarden("token", "rotate", id, "--grace", "1h");
    expect(rotated.stderr).toMatch(
      /^secret: +pw_pat_\.{3}\w{4}\nold secret: pw_pat_\.{3}\w{4}, until 20[-0-9]+T[0-9:]+Z$/m,
    );
  });
});

it("a token that would live too long is refused with the limit", async () => {
  expect((await patwarden("policy", "set", "organization:brief", "max_lifetime=1h")).stdout).toMatch(
    /^max_lifetime: +1 hour$/m,
  );
  const refused = await patwarden(
    "token",
    "create",
    "--subject",
    "organization:brief",
    "--name",
    "n",
    "--full",
    "--ttl",
    "2h",
  );
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^patwarden: POLICY_VIOLATION: .*limit: max_lifetime\n.*scope: organization:brief\n.*value: 1 hour$/ms,
    ),
  ]);
});

it("a key file with all that `patwarden keys service` prints is refused with the line to keep", async () => {
  const mistaken = join(directory, "all");
  for (const form of [[], ["--json"]]) {
    const { stdout } = await run(["keys", "service", ...form]);
    writeFileSync(mistaken, stdout);
    const { code, stderr } = await run(["token", "list", "--key-file", mistaken]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("--key-file is the whole output of `patwarden keys service`"),
    ]);
    expect(stderr).not.toMatch(/svc_[0-9A-Za-z]/);
  }
});

describe("words about the command itself", () => {
  it("say in the help which options are required", async () => {
    const { stdout } = await patwarden("token", "create", "--help");
    const required = stdout.replaceAll(/\n {10,}/g, " ").match(/^ +--\w+ .*\(required\)$/gm) ?? [];
    expect(required.map((line) => line.trim().split(" ")[0])).toEqual(["--subject", "--name"]);
    expect((await patwarden("token", "approve", "--help")).stdout).toMatch(/--etag [^-]*\(required\)/);
  });

  it("are its version, exit codes and hints", async () => {
    expect(await patwarden("--version")).toMatchObject({ code: 0, stdout: "0.1.0\n" });
    expect((await patwarden("--help")).stdout).toMatch(/^ +75 +/m);
    expect((await patwarden("token", "nosuch")).stderr).toContain("(add --help for the options)");
    expect((await patwarden("policy", "set", "user", "max_lifetime=1x")).stderr).toContain(
      "max_lifetime=1x: must be a duration",
    );
    expect((await patwarden("policy", "show", "organization:unlimited")).stdout).toMatch(/^limits: +none$/m);
    expect((await run(["audit", "verify"])).stderr).toContain("there is no patwarden.yaml in this folder");
  });

  it.each([
    ["the gRPC port", () => `http://${job.server.grpc}`, "must name the HTTP port"],
    [
      "https to a port without TLS",
      () => job.server.http.replace("http:", "https:"),
      "does not speak TLS; use http://",
    ],
    ["a port with another service", () => `http://${job.server.metrics}`, "has no Patwarden API"],
    ["no scheme", () => new URL(job.server.http).host, "has no scheme"],
  ])("say what is wrong with %s as the URL", async (_, url, words) => {
    const { code, stderr } = await patwarden("token", "list", "--url", url());
    expect([code, stderr]).toEqual([1, expect.stringContaining(words)]);
  });

  it("say what is wrong with the certificate of the server", async () => {
    const identity = selfSigned();
    const certFile = join(directory, "server.pem");
    writeFileSync(certFile, identity.cert);
    const server = createServer(identity).listen(0);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const list = (host: string, env = {}) =>
      run(["token", "list", "--url", `https://${host}:${port}`, "--key-file", keyFile], env);
    expect(await list("127.0.0.1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not trusted: name a PEM file of its authority in NODE_EXTRA_CA_CERTS"),
    });
    // No name of the certificate is this address.
    expect(await list("127.0.0.2", { NODE_EXTRA_CA_CERTS: certFile })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is for another host; see --url"),
    });
    server.close();
  });
});

describe("serve --check", () => {
  const check = (env: Readonly<Record<string, string>> = {}, config = job.server.configFile) =>
    run(["serve", "--check", "--config", config], env);

  it("tries everything that serve needs, reports ok for each and leaves nothing behind", async () => {
    const issuer = await startTestIssuer();
    const config = join(directory, "check.yaml");
    const { peppers } = parse(readFileSync(job.server.configFile, "utf8")).tokens;
    writeFileSync(
      config,
      stringify({
        ...parse(readFileSync(job.server.configFile, "utf8")),
        tokens: { peppers: [...peppers, { version: 99, key: Buffer.alloc(32, 9).toString("base64") }] },
        issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
        console: consoleConfig(issuer, "https://tokens.example.com"),
      }),
    );
    const sql = postgres(job.databaseUrl, { max: 1, onnotice: () => undefined });
    const kept = async () => [
      await sql`select replica_id from replica_lease order by 1`,
      await sql`select version from pepper_check order by 1`,
    ];
    const before = await kept();
    expect(await check({}, config)).toEqual({
      code: 0,
      stdout: ["configuration", "database and schema", "OpenFGA's store and model", `keys of ${issuer.url}`, "console"]
        .map((part) => `ok      ${part}\n`)
        .join(""),
      stderr: "",
    });
    expect(await kept()).toEqual(before);
    await sql.end();
    issuer.set({ kind: "error", status: 500 });
    expect(await check({}, config)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^FAILED +keys of http.*500[\s\S]*^FAILED +console: .*500/m),
    });
    issuer.set({ kind: "well" });
    issuer.discover({ token_endpoint: "http://other.example.com/token" });
    expect((await check({}, config)).stdout).toMatch(/^FAILED +console: .*token_endpoint that may be used/m);
    await issuer.stop();
  });

  const database = (change: (url: URL) => void) => {
    const url = new URL(job.databaseUrl);
    change(url);
    return { PATWARDEN_DATABASE_URL: url.href };
  };
  const nosuch = () =>
    database((url) => {
      url.pathname = "/nosuch";
    });
  const nobody = () =>
    database((url) => {
      url.username = "nobody";
    });

  it("names each route whose action or type the model does not have", async () => {
    const config = join(directory, "routes.yaml");
    const action = "view";
    const routes = [
      { path: "/a/{id}", resource: "document:{id}", action: "viewer" },
      { path: "/b/{id}", resource: "document:{id}", action },
      { path: "/c/{id}", resource: "docment:{id}", action: "viewer" },
    ];
    writeFileSync(
      config,
      stringify({ ...parse(readFileSync(job.server.configFile, "utf8")), integrations: { routes } }),
    );
    const { code, stdout } = await check({}, config);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(
        /^FAILED +OpenFGA.*: integrations\.routes\[1\]\.action: view is not a relation of type document .*: .*viewer.*\n +integrations\.routes\[2\]\.resource: type docment is not/m,
      ),
    ]);
  });

  it("names each entry of the catalogue that the model does not have, and warns once of what has no words", async () => {
    const config = join(directory, "catalog.yaml");
    const written = (actions: object) =>
      writeFileSync(
        config,
        stringify({
          ...parse(readFileSync(job.server.configFile, "utf8")),
          catalog: { types: { document: { label: "Documents", actions } } },
        }),
      );
    written({ view: { label: "see" } });
    const faulty = await check({}, config);
    expect([faulty.code, faulty.stdout]).toEqual([
      1,
      expect.stringMatching(
        /^FAILED +OpenFGA.*: catalog\.types\.document\.actions\.view: view is not a relation of type/m,
      ),
    ]);
    written({ viewer: { label: "read" } });
    const fine = await check({}, config);
    expect([fine.code, fine.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^ok +OpenFGA.*\nwarning catalog has no label for document#editor, organization, organization#admin, /m,
      ),
    ]);
  });

  it.each<readonly [string, () => Record<string, string>, RegExp]>([
    ["a database that is not there", nosuch, /^FAILED +database and schema: .*3D000: the database does not exist/m],
    [
      "a role that may not log in",
      nobody,
      /^FAILED +database and schema: cannot use the database of database\.url or database\.url_file \(.*28/m,
    ],
    [
      "a wrong key",
      () => ({ PATWARDEN_OPENFGA_AUTH_PRESHARED: "wrong" }),
      /^FAILED +OpenFGA.*openfga\.auth\.preshared: OpenFGA refuses the key/m,
    ],
    [
      "a wrong model",
      () => ({ PATWARDEN_OPENFGA_MODEL_ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV" }),
      /^FAILED +OpenFGA.*openfga\.model_id: the store has no model/m,
    ],
    [
      "a type of subjects that the model does not admit",
      () => ({ PATWARDEN_SUBJECTS_ORGANIZATION_TYPE: "team" }),
      /^FAILED +OpenFGA.*subjects\.organization_type: no relation of the authorization model admits type team directly/m,
    ],
    [
      "an OpenFGA that is not there",
      () => ({ PATWARDEN_OPENFGA_ADDRESSES: "127.0.0.1:1" }),
      /^FAILED +OpenFGA.*openfga\.addresses: nothing listens at 127\.0\.0\.1:1/m,
    ],
  ])("names %s and the rest that is well", async (_, env, words) => {
    const { code, stdout } = await check(env());
    expect([code, stdout]).toEqual([1, expect.stringMatching(words)]);
    expect(stdout.match(/^ok/gm)).toHaveLength(2);
  });

  it("names a signing key that no configured pepper opens", async () => {
    const file = parse(readFileSync(job.server.configFile, "utf8"));
    const exchange = join(directory, "exchange.yaml");
    const oauth = { enabled: true, issuer: "https://pat.test", exchange: { audiences: ["shop"] } };
    const sql = postgres(job.databaseUrl, { max: 1, onnotice: () => undefined });
    await sql`insert into signing_key (kid, algorithm, sealed_key, signs_from) values ('k', 'ES256', '\\x00', now())`;
    writeFileSync(exchange, stringify({ ...file, integrations: { ...file.integrations, oauth } }));
    const { code, stdout } = await check({}, exchange);
    await sql`delete from signing_key`;
    await sql.end();
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/^FAILED +database and schema: PEPPER_MISMATCH: signing key k /m),
    ]);
  });

  it("shares its words with serve and migrate", async () => {
    const serve = await run(["serve", "--config", job.server.configFile], nosuch());
    expect([serve.code, serve.stderr]).toEqual([1, expect.stringContaining("the database does not exist")]);
    const migrate = await run(["migrate", "--config", job.server.configFile], nobody());
    expect([migrate.code, migrate.stderr]).toEqual([
      1,
      expect.stringContaining("cannot use the database of database.url"),
    ]);
    const sql = postgres(job.databaseUrl, { max: 1, onnotice: () => undefined });
    const role = "may_create_nothing";
    await sql.unsafe(`create role ${role} login`);
    const serving = database((url) => {
      url.username = role;
    });
    const owned = await run(["migrate", "--config", job.server.configFile], serving);
    await sql.unsafe(`drop role ${role}`);
    await sql.end();
    expect([owned.code, owned.stderr]).toEqual([
      1,
      expect.stringContaining("this role may not create schemas or tables; run `patwarden migrate` as the owner"),
    ]);
    expect(owned.stderr).not.toContain("Failed query");
    const taken = await run(["serve", "--config", job.server.configFile], { PATWARDEN_GRPC_LISTEN: job.server.grpc });
    expect([taken.code, taken.stderr]).toEqual([
      1,
      expect.stringContaining(`cannot listen on ${job.server.grpc}: another process`),
    ]);
  });
});
