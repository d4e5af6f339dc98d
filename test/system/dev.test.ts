import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { onFreePorts } from "../kit/dev.js";
import { grpcPort, httpPort } from "../kit/ports.js";
import { runPatwarden } from "../kit/server.js";

const { check } = AuthorizationService.method;
const { createToken } = TokenService.method;

describe("patwarden dev", () => {
  interface Ready {
    readonly grpc: string;
    readonly http: string;
    readonly public_http: string;
    readonly service_key: string;
    readonly openfga: Readonly<Record<"grpc" | "http" | "api_key" | "store_id" | "model_id", string>>;
  }
  const startDev = async (directory: string, ...more: string[]) => {
    const readyFile = join(directory, `ready-${randomUUID()}.json`);
    const started = runPatwarden(
      [...["dev", ...onFreePorts, "--ready-file", readyFile], ...["--directory", "state", ...more]],
      { cwd: directory },
    );
    await expect
      .poll(() => existsSync(readyFile) || started.child.exitCode !== null, { timeout: 30_000, interval: 50 })
      .toBe(true);
    if (started.child.exitCode !== null) throw new Error(started.log());
    const mode = statSync(readyFile).mode & 0o777;
    const ready: Ready = JSON.parse(readFileSync(readyFile, "utf8"));
    return { started, ready, mode };
  };
  const goneFrom = (url: string) =>
    expect
      .poll(
        () =>
          fetch(url).then(
            () => "there",
            () => "gone",
          ),
        { timeout: 15_000, interval: 100 },
      )
      .toBe("gone");

  it("keeps tokens, keys and relationships over a restart, for its owner only, one process at a time", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-dev-"));
    const tuples = join(directory, "tuples.json");
    writeFileSync(tuples, JSON.stringify([{ user: "user:alice", relation: "viewer", object: "document:kept" }]));
    const first = await startDev(directory, "--tuples", tuples);
    expect(first.mode).toBe(0o600);
    // Warnings of risks are for operators of `serve`.
    expect(first.started.log()).not.toMatch(/^\{/m);
    const port = httpPort(first.ready.http, first.ready.service_key);
    const created = await port.call(createToken, { subject: "user:alice", name: "n", grant: { full: true } });
    if (!created.ok) throw new Error(created.message);
    const asked = { token: created.value.secret, resource: "document:kept", action: "viewer" };
    expect(await port.call(check, asked)).toMatchObject({ ok: true, value: { reason: Reason.ALLOWED } });
    // As from the internet: /v1/self names the owner of the token, and anybody may report it as leaked.
    const self = await fetch(`${first.ready.public_http}/v1/self`, { headers: { "x-api-key": created.value.secret } });
    expect([self.status, await self.json()]).toMatchObject([200, { subject: "user:alice" }]);
    const reported = await fetch(`${first.ready.public_http}/report-leak`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"credentials":[]}',
    });
    expect(reported.status).toBe(202);
    for (const file of ["service-key", "pepper"]) {
      expect(statSync(join(directory, "state", file)).mode & 0o777).toBe(0o600);
    }
    await expect(startDev(directory)).rejects.toThrow("is in use by another process");
    expect(await first.started.stop()).toBe(0);
    await goneFrom(`${first.ready.openfga.http}/healthz`);

    const second = await startDev(directory, "--tuples", tuples);
    expect(second.ready.service_key).toBe(first.ready.service_key);
    const client = grpcPort(second.ready.grpc, second.ready.service_key);
    expect(await client.call(check, asked)).toMatchObject({ ok: true, value: { reason: Reason.ALLOWED } });
    client.close();

    // It was killed: OpenFGA ends with it, and its lock does not block the next one.
    await second.started.stop("SIGKILL");
    await goneFrom(`${second.ready.openfga.http}/healthz`);
    const third = await startDev(directory);
    expect(await third.started.stop("SIGINT")).toBe(0);
    rmSync(directory, { recursive: true });
  }, 120_000);

  it("refuses an address that others can reach, a faulty model and faulty tuples, saying where", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-dev-"));
    const faulty = join(directory, "faulty.fga");
    writeFileSync(faulty, "model\n  schema 1.1\ntype document\n  relations\n    define viewer: [nobody]\n");
    const tuples = join(directory, "tuples.json");
    writeFileSync(tuples, `[{"user":"user:a"}]`);
    for (const [args, problem] of [
      [["--grpc", "0.0.0.0:0"], "--grpc must be a loopback address"],
      [["--grpc", "127.0.0.1:9080", "--http", "127.0.0.1:9080"], "must have different ports"],
      [["--model", faulty], `${faulty}:5:`],
      [["--model", join(directory, "missing.fga")], "missing.fga"],
      [["--tuples", tuples], "must be a JSON array of {user, relation, object, condition?}"],
    ] as const) {
      const started = runPatwarden(["dev", "--ephemeral", ...onFreePorts, ...args]);
      expect(await started.exited).toBe(1);
      expect(started.log()).toContain(problem);
    }
    rmSync(directory, { recursive: true });
  }, 120_000);
});
