// example.ts FOLDER: runs the examples with the package that package.ts has installed in FOLDER, against the server of
// the tests.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { argv, env } from "node:process";

const [, , folder = ""] = argv;
const { endpoint, keys, tokens } = JSON.parse(readFileSync(env["PATWARDEN_CLIENT_TESTS"] ?? "", "utf8"));
const cwd = join(folder, "consumer");

const checks = { ...env, ENDPOINT: endpoint, KEY: keys.admin };
assert.deepEqual(execFileSync("node", ["check.js"], { cwd, env: checks, encoding: "utf8" }).trim().split("\n"), [
  "200 ALLOWED user:alice viewer document:roadmap",
  "403 NOT_PERMITTED user:alice viewer document:payroll",
  "403 NOT_GRANTED user:alice editor document:roadmap",
  "401 TOKEN_REVOKED user:alice viewer document:roadmap",
]);

const probe = createServer().listen(0, "127.0.0.1");
await once(probe, "listening");
const { port } = probe.address() as AddressInfo; // a TCP server has one
probe.close();
const api = spawn("node", ["api.js"], {
  cwd,
  env: { ...env, ENDPOINT: endpoint, KEY: keys.checker, PORT: String(port) },
  stdio: ["ignore", "pipe", "ignore"],
});
try {
  await once(api.stdout, "data");
  const get = async (document: string, headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}/documents/${document}`, { headers });
    const { reader } = JSON.parse(await response.text());
    return [response.status, reader];
  };
  const alice = { authorization: `Bearer ${tokens.alice.secret}` };
  assert.deepEqual(await get("roadmap", alice), [200, "user:alice"]);
  assert.deepEqual(await get("payroll", alice), [403, undefined]);
  assert.deepEqual(await get("roadmap", { authorization: `Bearer ${tokens.revoked.secret}` }), [401, undefined]);
  assert.deepEqual(await get("roadmap", {}), [401, undefined]);
} finally {
  api.kill();
}
