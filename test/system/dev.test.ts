import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { Dimension, Granularity, UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { onFreePorts } from "../kit/dev.js";
import { grpcPort, httpPort, type Port } from "../kit/ports.js";
import { runPatwarden } from "../kit/server.js";

const { check } = AuthorizationService.method;
const { createToken, listTokens } = TokenService.method;
const { getCatalog } = SelfService.method;
const { queryUsage } = UsageService.method;

describe("patwarden dev", () => {
  interface Ready {
    readonly grpc: string;
    readonly http: string;
    readonly public_http: string;
    readonly issuer: string;
    readonly sample: string;
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
    // The words beside the example model fit it, in both languages.
    const catalog = await port.call(getCatalog, { subject: "user:alice", language: "de" });
    expect(catalog.ok && catalog.value.types.map(({ label }) => label)).toEqual(["Dokumente", "Organisationen"]);
    expect(catalog.ok && catalog.value.templates).toHaveLength(2);
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

  it("makes tokens with a past once, which its own API shows, and a sample API takes", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-dev-"));
    const example = (file: string): string => fileURLToPath(new URL(`../../examples/direct/${file}`, import.meta.url));
    const examples = ["--model", example("model.fga"), "--tuples", example("tuples.json"), "--examples"];
    const { started, ready } = await startDev(directory, ...examples);
    const port = httpPort(ready.http, ready.service_key);
    const tokensOf = async (through: Port) => {
      const listed = await through.call(listTokens, { pageSize: 100 });
      if (!listed.ok) throw new Error(listed.message);
      return listed.value.tokens;
    };
    const tokens = await tokensOf(port);
    expect(Object.fromEntries(tokens.map(({ name, usable }) => [name, usable]))).toEqual({
      "Price list sync": Reason.ALLOWED,
      "First try": Reason.POLICY,
      Laptop: Reason.ALLOWED,
      "Nightly backup": Reason.ALLOWED,
      CI: Reason.ALLOWED,
      Workshop: Reason.TOKEN_EXPIRED,
      "Browser extension": Reason.TOKEN_REVOKED,
      "Partner feed": Reason.ALLOWED,
      "Weekly report": Reason.ALLOWED,
      Notebook: Reason.TOKEN_SUSPENDED,
      Terminal: Reason.ALLOWED,
      Dashboard: Reason.TOKEN_PENDING_APPROVAL,
      "Newsletter tool": Reason.TOKEN_PENDING_APPROVAL,
    });
    expect(tokens.filter(({ secrets }) => secrets.length === 2).map(({ name }) => name)).toEqual(["CI"]);

    // A token is counted from its creation to its end, and not later than it was last used.
    const used = await port.call(queryUsage, {
      ...{ pageSize: 1000, granularity: Granularity.HOUR, groupBy: [Dimension.TOKEN, Dimension.REASON] },
    });
    if (!used.ok) throw new Error(used.message);
    expect(used.value.nextPageToken).not.toBe("");
    for (const { startTime, tokenId, reason } of used.value.rows) {
      const token = tokens.find(({ id }) => id === tokenId);
      const ms = (time: Timestamp | undefined) => (time ? timestampMs(time) : Number.NaN);
      expect(ms(startTime)).toBeGreaterThanOrEqual(ms(token?.createTime));
      if (reason === Reason.ALLOWED) expect(ms(startTime)).toBeLessThanOrEqual(ms(token?.lastUseTime));
    }

    const grant = { rules: [{ actions: ["viewer"], resources: ["document:roadmap", "document:payroll"] }] };
    const created = await port.call(createToken, { subject: "user:alice", name: "n", grant });
    if (!created.ok) throw new Error(created.message);
    const { secret, token } = created.value;
    const ask = async (path: string, settings: RequestInit = { headers: { authorization: `Bearer ${secret}` } }) => {
      const answered = await fetch(ready.sample + path, settings);
      return [answered.status, await answered.json()];
    };
    const roadmap = "/documents/roadmap";
    expect(await ask(roadmap)).toEqual([
      200,
      { document: "document:roadmap", read_by: "user:alice", token: token?.id },
    ]);
    for (const [path, settings, status, because] of [
      [roadmap, {}, 401, "no token"],
      [roadmap, { headers: { authorization: "Bearer x" } }, 401, "TOKEN_MALFORMED: "],
      [roadmap, { method: "PUT", headers: { authorization: `Bearer ${secret}` } }, 403, "NOT_GRANTED: "],
      ["/documents/payroll", undefined, 403, "NOT_PERMITTED: "],
    ] as const) {
      expect(await ask(path, settings)).toMatchObject([status, { because: expect.stringContaining(because) }]);
    }
    expect((await ask("/"))[0]).toBe(404);
    expect(await started.stop()).toBe(0);

    const again = await startDev(directory, ...examples);
    expect(await tokensOf(httpPort(again.ready.http, again.ready.service_key))).toHaveLength(tokens.length + 1);
    expect(await again.started.stop()).toBe(0);
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
