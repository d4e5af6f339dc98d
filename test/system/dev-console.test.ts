import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { Browser } from "../kit/console.js";
import { onFreePorts } from "../kit/dev.js";
import { runPatwarden, type Started } from "../kit/server.js";

const { approveToken, createToken, getToken, listTokens, revokeToken } = TokenService.method;
const { getCaller, getCatalog } = SelfService.method;

describe("the first minutes with patwarden dev", () => {
  const directory = mkdtempSync(join(tmpdir(), "patwarden-dev-"));
  let dev: Started;
  let printed = "";
  let ready: Readonly<Record<"console" | "issuer" | "sample", string>>;

  beforeAll(async () => {
    const readyFile = join(directory, "ready.json");
    dev = runPatwarden(["dev", "--ephemeral", "--examples", ...onFreePorts, "--ready-file", readyFile]);
    dev.child.stdout?.on("data", (text) => {
      printed += text;
    });
    const shown = () => expect(printed.includes("Ctrl-C") || dev.child.exitCode !== null).toBe(true);
    await vi.waitFor(shown, { timeout: 60_000, interval: 50 });
    if (!existsSync(readyFile)) throw new Error(dev.log());
    ready = JSON.parse(readFileSync(readyFile, "utf8"));
  }, 90_000);
  afterAll(async () => {
    expect(await dev?.stop()).toBe(0);
    rmSync(directory, { recursive: true });
  }, 30_000);

  /** Opens the console, chooses a person on the provider's page, and ends on the page of the console. */
  async function signIn(person: string): Promise<Browser> {
    const browser = new Browser(ready.console);
    const choice = await browser.signIn();
    expect(new URL(choice.url).origin).toBe(ready.issuer);
    const action = /action="([^"]+)"/.exec(await choice.text())?.[1]?.replaceAll("&amp;", "&") ?? "";
    const chosen = await fetch(new URL(action, ready.issuer), {
      ...{ method: "POST", redirect: "manual", body: `person=${person}` },
      headers: { "content-type": "application/x-www-form-urlencoded", origin: ready.issuer },
    });
    const page = await browser.follow(chosen.headers.get("location") ?? "");
    expect([page.status, new URL(page.url).origin]).toEqual([200, ready.console]);
    return browser;
  }

  /** Runs a line of the page or the terminal as a person would, and returns the JSON that it prints. */
  const paste = (line: string, token: string): unknown =>
    JSON.parse(
      execFileSync("bash", ["-c", line.replace("curl ", "curl -s ")], {
        env: { ...process.env, TOKEN: token },
      }).toString(),
    );

  async function answered<T>(
    reply: Promise<{ readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string }>,
  ): Promise<T> {
    const settled = await reply;
    if (!settled.ok) throw new Error(settled.message);
    return settled.value;
  }

  it("lead from the printed address to a token, its use and its end", async () => {
    expect(printed.indexOf(ready.console)).toBeGreaterThan(0);
    expect(printed.indexOf(ready.console)).toBe(printed.indexOf("http://"));
    const alice = await signIn("alice");
    expect(await answered(alice.call(getCaller, {}))).toMatchObject({
      caller: "user:alice",
      displayName: "Alice Archer",
    });
    const catalog = await answered(alice.call(getCatalog, { language: "de" }));
    expect(catalog.types.map(({ label }) => label)).toContain("Dokumente");
    const line = catalog.snippets[0]?.code.replace("{document=roadmap}", "roadmap") ?? "";
    expect(printed).toContain(`    ${line}\n`);

    const grant = { rules: [{ actions: ["viewer"], resources: ["document:roadmap"] }] };
    const { token, secret } = await answered(alice.call(createToken, { name: "First", grant }));
    const id = token?.id ?? "";
    expect(paste(line, secret)).toEqual({ document: "document:roadmap", read_by: "user:alice", token: id });
    expect(paste(line.replace("roadmap", "handbook"), secret)).toMatchObject({
      because: expect.stringContaining("NOT_GRANTED"),
    });

    // The page shows it a moment later.
    await expect
      .poll(async () => (await answered(alice.call(UsageService.method.queryUsage, { tokenId: id }))).rows[0]?.count, {
        timeout: 15_000,
      })
      .toBe(2n);
    await expect
      .poll(async () => (await answered(alice.call(getToken, { id }))).token?.lastUseIp, { timeout: 15_000 })
      .toBe("127.0.0.1");
    await answered(alice.call(revokeToken, { id }));
    expect(paste(line, secret)).toMatchObject({ because: expect.stringContaining("TOKEN_REVOKED") });

    const signedOut = await alice.signOut();
    const { location } = Object(await signedOut.json());
    expect(new URL(location).origin).toBe(ready.issuer);
    expect(new URL((await alice.follow(location)).url).pathname).toBe("/signed-out");
    expect(await alice.call(getCaller, {})).toMatchObject({ ok: false, reason: "CALLER_UNAUTHENTICATED" });
  }, 60_000);

  it("give no access token of the settings page to a browser that has not signed in there", async () => {
    const ask = async (path: string, cookie = "") => {
      const answered = await fetch(`${ready.sample}${path}`, { redirect: "manual", headers: { cookie } });
      return [answered.status, answered.headers.get("location")];
    };
    expect(await ask("/settings")).toEqual([303, "/settings/sign-in"]);
    expect(await ask("/settings/access-token", "sample_session=guessed")).toEqual([401, null]);
    expect(await ask("/settings/callback?code=x&state=y", "sample_sign_in=y")).toEqual([400, null]);
  });

  it("let bob approve what alice asked for, and root administer", async () => {
    const bob = await signIn("bob");
    const waiting = { organization: "organization:acme", states: [Token_State.PENDING_APPROVAL] };
    const { tokens } = await answered(bob.call(listTokens, waiting));
    const [asked] = tokens.filter(({ subject }) => subject === "user:alice");
    await answered(bob.call(approveToken, { id: asked?.id ?? "", etag: asked?.etag ?? "" }));
    expect((await answered(bob.call(listTokens, waiting))).tokens).toHaveLength(tokens.length - 1);

    const root = await signIn("root");
    expect(await answered(root.call(getCaller, {}))).toMatchObject({ caller: "user:root", admin: true });
    const { events } = await answered(root.call(AuditService.method.listAuditEvents, { pageSize: 1 }));
    expect(events).toMatchObject([{ action: "token.approved", actor: "user:bob" }]);
  }, 60_000);
});
