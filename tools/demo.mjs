// make demo: the main job against a real Patwarden and a real OpenFGA, through the public JSON API. Nothing is kept.
// Exits with 1 at the first answer that is not the expected one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const startLimitMs = 60_000;
const stopLimitMs = 20_000;

const folder = mkdtempSync(join(tmpdir(), "patwarden-demo-"));
const server = startServer(join(folder, "ready.json"));
let failure;
try {
  const ready = await server.ready();
  await mainJob(ready);
  await server.stop();
  await expectGone(ready);
} catch (error) {
  failure = error;
} finally {
  server.kill();
  rmSync(folder, { recursive: true });
}
if (failure) {
  console.error(`\nFAILED: ${failure.message}\n\nLast lines of the server's log:\n${server.lastLines()}`);
  process.exitCode = 1;
} else {
  console.log("\nThe main job works. `make dev` starts a server to play with.");
}

async function mainJob({ http, grpc, service_key: key }) {
  console.log(
    `Patwarden is ready: gRPC on ${grpc}, JSON on ${http}. It asks a real OpenFGA, with the model of examples/direct.\n`,
  );
  const call = (method, request) => post(`${http}/patwarden.v1.${method}`, key, request);
  const create = async (request) => {
    const { token, secret } = await call("TokenService/CreateToken", request);
    expect(`the subject of "${request.name}"`, token.subject, request.subject);
    console.log(
      `created   ${token.secrets[0].hint} for ${token.subject}: "${token.name}", ${describeGrant(token.grant)}`,
    );
    return { id: token.id, name: token.name, secret };
  };
  const check = async ({ name, secret }, action, resource, reason, why) => {
    const decision = await call("AuthorizationService/Check", { token: secret, resource, action });
    const question = `"${name}" ${action} ${resource}`;
    expect(question, decision.reason, `REASON_${reason}`);
    expect(`allowed of ${question}`, decision.allowed, reason === "ALLOWED");
    const outcome = decision.allowed ? "allowed" : "denied";
    console.log(`${outcome.padEnd(9)} ${question}: ${reason}${why ? ` (${why})` : ""}`);
  };

  const alice = await create({
    subject: "user:alice",
    name: "alice's laptop",
    grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
  });
  const acme = await create({ subject: "organization:acme", name: "acme's shop plugin", grant: { full: true } });
  console.log();
  await check(alice, "viewer", "document:roadmap", "ALLOWED");
  await check(alice, "viewer", "document:payroll", "NOT_PERMITTED", "alice herself may not");
  await check(alice, "editor", "document:roadmap", "NOT_GRANTED", "alice may, but this token may not");
  await check(acme, "viewer", "document:price-list", "ALLOWED");
  await check(acme, "viewer", "document:roadmap", "NOT_PERMITTED", "only alice may");
  console.log();
  const { token } = await call("TokenService/RevokeToken", { id: alice.id, reason: "REVOCATION_REASON_LEAKED" });
  expect("the state after revocation", token.state, "STATE_REVOKED");
  console.log(`revoked   "${alice.name}"`);
  await check(alice, "viewer", "document:roadmap", "TOKEN_REVOKED", "at once");
  await check(acme, "viewer", "document:price-list", "ALLOWED", "other tokens are not affected");
}

async function post(url, key, request) {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(10_000),
  });
  const reply = await response.json();
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${reply.code}: ${reply.message}`);
  return reply;
}

function expect(what, found, expected) {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, got ${found}`);
}

function describeGrant({ full, rules }) {
  if (full) return "may do everything that its subject may";
  return `limited to ${rules.map((rule) => `${rule.actions.join(", ")} on ${rule.resources.join(", ")}`).join("; ")}`;
}

function startServer(readyFile) {
  const example = ["--model", "examples/direct/model.fga", "--tuples", "examples/direct/tuples.json"];
  const ports = ["--http", "--grpc", "--public-http", "--console", "--issuer", "--sample"].flatMap((port) => [
    port,
    "127.0.0.1:0",
  ]);
  const args = ["dist/main.js", "dev", "--ephemeral", ...ports, ...example, "--ready-file", readyFile];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log = (log + text).slice(-10_000);
  });
  const exited = once(child, "exit").then(([code, signal]) => code ?? signal);
  const running = () => child.exitCode === null && child.signalCode === null;

  return {
    async ready() {
      process.stdout.write("starting Patwarden, its database and OpenFGA ");
      const start = Date.now();
      while (!existsSync(readyFile)) {
        if (!running()) throw new Error(`patwarden dev ended with ${await exited}`);
        if (Date.now() - start > startLimitMs)
          throw new Error(`patwarden dev was not ready within ${startLimitMs / 1000} s`);
        process.stdout.write(".");
        await Promise.race([sleep(250), exited]);
      }
      console.log(` ${((Date.now() - start) / 1000).toFixed(1)} s`);
      return JSON.parse(readFileSync(readyFile, "utf8"));
    },
    async stop() {
      child.kill("SIGTERM");
      const code = await Promise.race([exited, sleep(stopLimitMs, "nothing within 20 s", { ref: false })]);
      expect("exit code of patwarden dev after SIGTERM", code, 0);
    },
    kill() {
      if (running()) child.kill("SIGKILL");
    },
    lastLines: () => log.trimEnd().split("\n").slice(-15).join("\n"),
  };
}

/** Fails when the server or the OpenFGA that it started still answers. */
async function expectGone({ http, openfga }) {
  for (const [name, url] of [
    ["Patwarden", `${http}/livez`],
    ["OpenFGA", `${openfga.http}/healthz`],
  ]) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    expect(`${name} still answers after the stop`, answered, false);
  }
  console.log("\nstopped: Patwarden and its OpenFGA have ended");
}
