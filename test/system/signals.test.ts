import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onFreePorts } from "../kit/dev.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { startProxy } from "../kit/proxy.js";
import { runPatwarden, type Started } from "../kit/server.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
/**
 * Runs a program as the first process of a PID namespace, as in a container: the kernel drops signals that such a
 * process does not handle.
 */
const asFirst = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
const mayUnshare = spawnSync("unshare", [...asFirst, "true"]).status === 0;
if (!mayUnshare)
  process.stderr.write("SKIPPED: no PID namespaces here, so nothing runs as process 1 (needs Linux and unshare)\n");

let patwarden: Patwarden;
let directory: string;
/** Accepts connections and never answers, so that a start waits. */
let silent: Server;
let silentUrl: string;
beforeAll(async () => {
  patwarden = await startPatwarden();
  directory = mkdtempSync(join(tmpdir(), "patwarden-signals-"));
  silent = createServer((socket) => socket.on("error", () => undefined).resume()).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  silentUrl = `postgres://127.0.0.1:${typeof address === "object" ? address?.port : ""}/d`;
});
afterAll(async () => {
  silent.close();
  rmSync(directory, { recursive: true });
  await patwarden.stop();
});

/** Returns the process that `unshare` has made, by its number outside of the namespace. */
function firstProcess({ child }: Started): number {
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim());
}

const waiting = { timeout: 30_000, interval: 20 };

describe.runIf(mayUnshare)("B9 process 1 of a container", () => {
  it.each([
    ["serve", "SIGTERM", 143],
    ["serve", "SIGINT", 130],
    ["migrate", "SIGTERM", 143],
    ["migrate", "SIGINT", 130],
    ["keys peppers", "SIGTERM", 143],
    ["audit verify", "SIGTERM", 143],
    // It never ends by itself, so being stopped is a success, if the database lets it end in time.
    ["audit export --follow", "SIGTERM", 0],
  ] as const)("%s ends at once by %s while it waits for the database", async (command, signal, code) => {
    const connected = once(silent, "connection");
    const args = [...command.split(" "), "--config", patwarden.server.configFile];
    const started = runPatwarden([...asFirst, process.execPath, main, ...args], {
      program: "unshare",
      env: { PATWARDEN_DATABASE_URL: silentUrl },
    });
    await connected;
    process.kill(firstProcess(started), signal);
    expect([code, code || 143]).toContain(await started.exited);
  });

  it("dev ends at once while it starts, and leaves nothing behind", async () => {
    const temporary = join(directory, "tmp");
    mkdirSync(temporary);
    const started = runPatwarden([...asFirst, process.execPath, main, "dev", "--ephemeral", ...onFreePorts], {
      program: "unshare",
      env: { TMPDIR: temporary },
    });
    await expect.poll(() => started.log(), waiting).toContain("opening the database");
    process.kill(firstProcess(started), "SIGTERM");
    expect(await started.exited).toBe(143);
    expect(readdirSync(temporary).filter((name) => name.startsWith("patwarden-"))).toEqual([]);
  });
});

describe("B9 a signal during the start", () => {
  it("SIGHUP is remembered: the configuration is applied again after the start", async () => {
    const proxy = await startProxy(new URL(patwarden.databaseUrl).host);
    proxy.hold("patwarden");
    const url = new URL(patwarden.databaseUrl);
    url.host = proxy.address;
    const started = runPatwarden(["serve", "--config", patwarden.server.configFile], {
      env: { PATWARDEN_DATABASE_URL: url.href },
    });
    await expect.poll(() => proxy.holds(), waiting).toBe(true);
    started.child.kill("SIGHUP");
    proxy.release();
    await expect
      .poll(() => started.log(), waiting)
      .toContain("reloaded callers, issuers, catalog, certificates and model");
    expect(await started.stop()).toBe(0);
    await proxy.close();
  });

  it("SIGTERM takes effect when the start is done: it removes its registration, without draining", async () => {
    const proxy = await startProxy(new URL(patwarden.databaseUrl).host);
    proxy.hold("patwarden");
    const url = new URL(patwarden.databaseUrl);
    url.host = proxy.address;
    const started = runPatwarden(["serve", "--config", patwarden.server.configFile], {
      env: { PATWARDEN_DATABASE_URL: url.href, PATWARDEN_DRAIN_DELAY: "5m" },
    });
    await expect.poll(() => proxy.holds(), waiting).toBe(true);
    started.child.kill("SIGTERM");
    proxy.release();
    expect(await started.exited).toBe(143);
    await proxy.close();
  });
});
