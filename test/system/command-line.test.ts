import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { track } from "../kit/children.js";
import { onFreePorts } from "../kit/dev.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { startServer } from "../kit/server.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
let job: Patwarden;
let directory: string;
let keyFile: string;
beforeAll(async () => {
  job = await startPatwarden();
  directory = mkdtempSync(join(tmpdir(), "patwarden-command-"));
  keyFile = join(directory, "key");
  writeFileSync(keyFile, job.server.keys.admin, { mode: 0o600 });
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await job.stop();
});

interface Outcome {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Variables = Readonly<Record<string, string>>;

function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) =>
    child.once("close", (code, signal) => resolve({ code: code ?? signal, stdout, stderr })),
  );
}

const environment = (env: Variables = {}) => ({ PATH: process.env["PATH"] ?? "", ...env });

/** Runs `patwarden ARGS` in an empty folder. */
function run(args: readonly string[], env: Variables = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [main, ...args], { cwd: directory, env: environment(env) });
  return outcomeOf(track(child));
}

const client = () => ({ PATWARDEN_CLIENT_URL: job.server.http, PATWARDEN_CLIENT_KEY: job.server.keys.admin });

/** Runs `patwarden COMMAND` without a reader of its stdout. */
function withoutReader(command: string): Promise<Outcome> {
  const child = track(spawn(process.execPath, [main, ...command.split(" ")], { env: environment(client()) }));
  child.stdout.destroy();
  return outcomeOf(child);
}

/** Runs a line of a shell, in which `patwarden` is the command line. */
function shell(line: string): Promise<Outcome> {
  const patwarden = `patwarden() { "${process.execPath}" "${main}" "$@"; }`;
  const settings = { cwd: directory, env: environment(client()) };
  return outcomeOf(track(spawn("/bin/sh", ["-c", `${patwarden}; ${line}`], settings)));
}

describe("secrets in settings", () => {
  const canary = "qxCANARYqx";
  const secrets = [
    "PATWARDEN_OPENFGA_AUTH_PRESHARED",
    "PATWARDEN_INTEGRATIONS_LEAKS_GITHUB_TOKEN",
    "PATWARDEN_INTEGRATIONS_LEAKS_WEBHOOK_KEY",
  ];
  const bad = [`${canary}\n${canary}${canary}${canary}`, `é${canary}${canary}${canary}${canary}`];

  it("A5 are refused by the name of the setting and never shown, by file and variable, in every command", async () => {
    const file = (content: string): string => {
      const name = join(directory, `secret-${readdirSync(directory).length}`);
      writeFileSync(name, content);
      return name;
    };
    const { databaseUrl } = job;
    const cases: readonly (readonly [args: readonly string[], env: Variables, named: string])[] = [
      ...secrets.flatMap((name) =>
        bad.flatMap((value) => {
          const key = name.slice("PATWARDEN_".length).toLowerCase().split("_").at(-1) ?? "";
          return [
            [["serve", "--config", job.server.configFile], { [name]: value }, key],
            [["serve", "--config", job.server.configFile], { [`${name}_FILE`]: file(value) }, key],
          ] as const;
        }),
      ),
      [
        ["keys", "rotate-signing", "--config", job.server.configFile],
        { [secrets[0] ?? ""]: bad[0] ?? "" },
        "preshared",
      ],
      [
        ["audit", "verify", "--checkpoint", "x"],
        { PATWARDEN_DATABASE_URL: databaseUrl, [secrets[0] ?? ""]: bad[0] ?? "" },
        "preshared",
      ],
      ...["migrate", "keys peppers", "audit export"].map(
        (command) =>
          [command.split(" "), { PATWARDEN_DATABASE_URL: `http://u:${canary}@h/d` }, "database.url"] as const,
      ),
      ...bad.flatMap((value) => [
        [["token", "list"], { PATWARDEN_CLIENT_KEY: value }, "PATWARDEN_CLIENT_KEY"] as const,
        [["usage", "export", "--key-file", file(value)], {}, "--key-file"] as const,
      ]),
      [["token", "list", "--key-file", canary], {}, "--key-file"],
      [["token", "list", "--url", `http://u:${canary}@127.0.0.1:1`], { PATWARDEN_CLIENT_KEY: "k" }, "--url"],
      [["token", "list"], { PATWARDEN_CLIENT_KEY: "k", PATWARDEN_CLIENT_URL: `http://h:${canary}` }, "--url"],
      [["dev", "--ephemeral", "--tuples", file(canary)], {}, "must be a JSON array"],
    ];
    const outcomes: Outcome[] = [];
    // Some at a time.
    for (let at = 0; at < cases.length; at += 4) {
      outcomes.push(...(await Promise.all(cases.slice(at, at + 4).map(([args, env]) => run(args, env)))));
    }
    for (const [index, { code, stdout, stderr }] of outcomes.entries()) {
      const [args, , named] = cases[index] ?? [[], {}, ""];
      expect(`${stdout}${stderr}`, args.join(" ")).not.toMatch(/CANARY/i);
      expect(stderr, args.join(" ")).toContain(named);
      expect(code, args.join(" ")).toBe(1);
    }
  }, 120_000);

  it("A5 may end in spaces and line ends, which are removed", async () => {
    const { grpc, apiKey, storeId, modelId } = job.openfga;
    const server = await startServer({
      databaseUrl: job.databaseUrl,
      openfga: { addresses: [grpc], apiKey: "of the file", storeId, modelId },
      env: { PATWARDEN_OPENFGA_AUTH_PRESHARED: `${apiKey}\n` },
    });
    const { secret: token } = await job.createToken({ subject: "user:alice", name: "n", grant: { full: true } });
    const asked = { token, resource: "document:roadmap", action: "viewer" };
    const checked = await server.ports[0]?.call(AuthorizationService.method.check, asked);
    expect(checked).toMatchObject({ ok: true, value: { allowed: true } });
    const url = { PATWARDEN_CLIENT_URL: server.http };
    const file = join(directory, "its-key");
    writeFileSync(file, `${server.keys.admin}\r\n \n`);
    expect((await run(["token", "list", "--key-file", file], url)).code).toBe(0);
    expect((await run(["token", "list"], { ...url, PATWARDEN_CLIENT_KEY: `${server.keys.admin}\n` })).code).toBe(0);
    await server.stop();
  }, 60_000);
});

it.each(["", "token", "usage", "token list --state"])(
  "a secret where it does not belong is not shown by `patwarden %s`",
  async (command) => {
    const { secret } = job.alice;
    const { code, stdout, stderr } = await run([...command.split(" ").filter(Boolean), secret]);
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain(secret);
    expect(stderr).toContain("_pat_***");
  },
);

it.each(["token revoke", "token revoke x"])(
  "a secret in the place of an id is not shown by `patwarden %s`, nor by the server that it calls",
  async (command) => {
    const { secret } = job.alice;
    const { code, stdout, stderr } = await run([...command.split(" "), secret], client());
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/\bids?\b/);
    expect(stderr).not.toContain(secret);
  },
);

describe("the server's URL on the command line", () => {
  it.each([
    "HTTP://192.0.2.1:9080",
    "hTtP://patwarden.example",
    "http:\\\\patwarden.example",
    "http:/patwarden.example",
    "http://127.0.0.1.nip.io",
    "http://localhost.evil.example",
    "http://localhost.",
    "http://0.0.0.0:9080",
    "http://3221225985",
    "http://[::ffff:192.0.2.1]:9080",
    "http://[2001:db8::1]",
    "http://127.0.0.1@evil.example",
    "ftp://127.0.0.1",
    "127.0.0.1:9080",
  ])("A6 %s would show the key, or is none", async (url) => {
    const { code, stderr } = await run(["token", "list", "--key-file", keyFile, "--url", url]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /would send the key in clear text|must be an https: or http: URL without user|has no scheme: write http:/,
    );
  });

  it.each(["HTTP://LocalHost:1", "http://127.1:1", "http://2130706433:1/", "http://[::1]:1", "HTTPS://127.0.0.1:1"])(
    "A6 %s is asked",
    async (url) => {
      const { code, stderr } = await run(["token", "list", "--key-file", keyFile, "--url", url]);
      expect([code, stderr]).toEqual([75, expect.stringMatching(/ECONNREFUSED (127\.0\.0\.1|::1):1/)]);
    },
  );
});

it("S15 a list of the largest tokens is read page by page, each page below the message limit", async () => {
  const resources = Array.from({ length: 100 }, (_, index) => `document:${String(index).padStart(150, "x")}`);
  const subject = "user:large";
  const large = { subject, name: "large", grant: { rules: [{ actions: ["viewer"], resources }] } };
  for (let made = 0; made < 300; made += 10) {
    await Promise.all(Array.from({ length: 10 }, () => job.createToken(large)));
  }
  for (const port of job.server.ports) {
    const ids = new Set<string>();
    for (let pageToken = ""; ; ) {
      const page = await port.call(TokenService.method.listTokens, { subject, pageSize: 1_000, pageToken });
      if (!page.ok) throw new Error(page.message);
      expect(page.value.tokens.length).toBeGreaterThan(0);
      for (const { id } of page.value.tokens) ids.add(id);
      pageToken = page.value.nextPageToken;
      if (pageToken === "") break;
    }
    expect(ids.size).toBe(300);
  }
  const listed = await shell(`patwarden token list --subject ${subject} --json`);
  expect([listed.code, JSON.parse(listed.stdout).tokens.length]).toEqual([0, 300]);
}, 60_000);

describe("results that cannot be written", () => {
  const tokens = async () => {
    const listed = await shell("patwarden token list --json");
    return JSON.parse(listed.stdout).tokens as readonly { readonly id: string; readonly name: string }[];
  };

  /** Limits files to 4 KiB: dash counts blocks of 512 bytes, bash of 1,024. */
  const small = "trap '' XFSZ; ulimit -f 4;";

  it("A7 an export to a full disk fails and says so, wherever in a line the disk is full", async () => {
    for (let made = 0; made < 20; made++) await job.createToken({ subject: "user:alice", name: "one of many" });
    const sql = postgres(job.databaseUrl, { max: 1, onnotice: () => undefined });
    const hour = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 5 * 3_600_000);
    await sql`
      insert into usage (hour, token_id, action, reason, subject, organization, count, units)
      select ${hour}, gen_random_uuid(), 'viewer', 'ALLOWED', 'user:alice', '', 1, 1 from generate_series(1, 60)`;
    await sql`update usage_watermark set open_from = ${new Date(hour.getTime() + 3_600_000)}`;
    const waiting = async () => (await sql`select from audit_pending limit 1`).length;
    await expect.poll(waiting, { timeout: 20_000 }).toBe(0);
    await sql.end();
    for (const command of ["usage export", `audit export --config ${job.server.configFile}`, "token list --json"]) {
      const whole = await shell(`patwarden ${command}`);
      expect([command, whole.code, whole.stdout.length > 4_096]).toEqual([command, 0, true]);
      const cut = await shell(`${small} patwarden ${command} > cut`);
      expect([command, cut.code, cut.stderr]).toEqual([command, 74, expect.stringContaining("stdout: EFBIG")]);
      expect(statSync(join(directory, "cut")).size).toBeGreaterThan(0);
      if (existsSync("/dev/full")) {
        const full = await shell(`patwarden ${command} > /dev/full`);
        expect([command, full.code, full.stderr]).toEqual([command, 74, expect.stringContaining("stdout: ENOSPC")]);
      }
    }
  }, 60_000);

  it("A7 a reader that has gone ends a command quietly, as SIGPIPE would", async () => {
    for (const command of ["keys pepper", "usage export", `audit export --config ${job.server.configFile}`]) {
      const { code, stderr } = await withoutReader(command);
      expect([command, code, stderr]).toEqual([command, 141, ""]);
    }
  }, 60_000);

  it.each([
    ["create", "token create --subject user:alice --name lost --full", "the token was created"],
    ["create --json", "token create --subject user:alice --name lost --full --json", "the token was created"],
    ["rotate", "token rotate ID", "the token has a new secret"],
  ])(
    "A7 token %s says which token is left without its secret, and what to do",
    async (_, command, change) => {
      const { token } = await job.createToken({ subject: "user:alice", name: "lost" });
      const known = new Set((await tokens()).map(({ id }) => id));
      const { code, stderr } = await shell(
        `trap '' XFSZ; ulimit -f 0; patwarden ${command.replace("ID", token.id)} > lost`,
      );
      const made = (await tokens()).find(({ id }) => !known.has(id))?.id ?? token.id;
      expect(code).toBe(74);
      expect(stderr).toContain(`${change}, ${made}, but its secret is lost`);
      expect(stderr).toContain(`patwarden token rotate ${made}`);
      expect(stderr).toContain(`patwarden token revoke ${made}`);
      expect(stderr).not.toMatch(/pw_pat_[0-9A-Za-z]{49}/);
      // The same text is printed when the reader has closed the pipe.
      const gone = await withoutReader(command.replace("ID", token.id));
      expect(gone).toMatchObject({ code: 141, stderr: expect.stringContaining("but its secret is lost") });
    },
    60_000,
  );

  it.each([
    "keys pepper",
    "keys service --json",
    "embed https://tokens.example.com",
    "--help",
    "token --help",
    "policy show user",
  ])("A7 patwarden %s to a full disk", async (command) => {
    const { code, stderr } = await shell(`trap '' XFSZ; ulimit -f 0; patwarden ${command} > lost`);
    expect([code, stderr]).toEqual([74, "patwarden: the result could not be written to stdout: EFBIG\n"]);
  });

  it("A7 dev ends when its ready file or its output cannot be written, so that no unreachable server runs", async () => {
    const onPorts = onFreePorts.join(" ");
    // A file in a missing folder stands for the full disk: OpenFGA needs the same file system.
    const unwritten = await shell(`patwarden dev --ephemeral ${onPorts} --ready-file missing/ready`);
    expect([unwritten.code, unwritten.stderr]).toEqual([1, expect.stringContaining("ENOENT")]);
    if (!existsSync("/dev/full")) return;
    const silent = await shell(`patwarden dev --ephemeral ${onPorts} --ready-file ready > /dev/full`);
    expect([silent.code, silent.stderr]).toEqual([74, expect.stringContaining("stdout: ENOSPC")]);
    expect(readdirSync(directory).filter((name) => name.startsWith("ready"))).toEqual([]);
  }, 120_000);

  it("A7 a log that cannot be written loses lines, but does not stop the service", async () => {
    const script = `
      import { createLogger } from ${JSON.stringify(new URL("../../dist/telemetry/log.js", import.meta.url).href)};
      const log = createLogger();
      for (let line = 0; line < 5_000; line++) log.info({ filler: "x".repeat(1_000) }, "lost");
      setTimeout(() => console.log("alive"), 100);`;
    for (const log of ["/dev/full", "log"].filter((file) => file === "log" || existsSync(file))) {
      const line = `"${process.execPath}" --input-type=module -e '${script}' 2> ${log} | cat`;
      expect([log, (await shell(`${small} ${line}`)).stdout]).toEqual([log, "alive\n"]);
    }
  }, 60_000);
});
