import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { Subject_State, SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevocationReason, Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type Locator, noBrowser, overflows, type Page, type Visit } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";

const { getToken, revokeTokens } = TokenService.method;
const { getSubject, enableSubject } = SubjectService.method;

describe.skipIf(noBrowser)("the page of the operator", () => {
  let page: ConsolePage;
  const visits: Visit[] = [];
  beforeAll(async () => {
    page = await startConsolePage();
  });
  afterAll(async () => {
    for (const visit of visits) expect(visit.problems).toEqual([]);
    await page.stop();
  });

  let administrator: Page | undefined;
  /** Opens a path in the window of root, who stays signed in. */
  const open = async (path: string): Promise<Page> => {
    if (administrator) {
      await administrator.goto(page.url + path);
      return administrator;
    }
    const visit = await page.open("root", path);
    visits.push(visit);
    administrator = visit.page;
    return administrator;
  };
  const see = (at: Page | Locator, text: string | RegExp) => at.getByText(text).first().waitFor();
  const press = (at: Page | Locator, name: string) => at.getByRole("button", { name, exact: true }).click();
  const row = (at: Page, name: string): Locator => at.getByRole("row").filter({ hasText: name });

  it("is for administrators of the deployment alone", async () => {
    const visit = await page.open("bob", "/operator");
    visits.push(visit);
    const bob = visit.page;
    await see(bob, "Only administrators of the deployment see this.");
    expect(await bob.getByRole("link", { name: "Deployment" }).count()).toBe(0);
  });

  it("OR-7 finds the token of a secret that never leaves the page", async () => {
    const { token, secret } = await page.patwarden.createToken({ subject: "user:carol", name: "leaked by carol" });
    const root = await open("/operator");
    const sent: string[] = [];
    root.on("request", (request) => {
      sent.push([request.url(), request.postData(), JSON.stringify(request.headers())].join(" "));
    });
    const field = root.getByLabel("Secret or its SHA-256");
    await field.fill(` Bearer ${secret}\n`);
    await press(root, "Find its token");
    await see(root, "The secret belongs to this token.");
    await see(root, "leaked by carol");
    expect(await field.inputValue()).toBe("");
    const hash = createHash("sha256").update(secret).digest("hex");
    expect(sent.some((request) => request.includes(hash))).toBe(true);
    expect(sent.filter((request) => request.includes(secret))).toEqual([]);
    const kept = await root.evaluate(() =>
      JSON.stringify([
        location.href,
        history.state,
        { ...localStorage },
        { ...sessionStorage },
        document.body.outerHTML,
      ]),
    );
    expect(kept).not.toContain(secret);
    await root.getByRole("article").or(root.locator(".notice")).getByRole("button", { name: "Revoke" }).click();
    const dialog = root.getByRole("dialog");
    expect(await dialog.getByLabel("A secret of it leaked").isChecked()).toBe(true);
    // A leak is no time to type.
    expect(await dialog.getByLabel("Type the token's name to confirm").count()).toBe(0);
    await press(dialog, "Revoke token");
    await see(dialog, "Ended on every server.");
    await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
    await row(root, "leaked by carol").waitFor({ state: "detached" });
    expect(await root.locator(".notice").getByRole("button", { name: "Revoke" }).count()).toBe(0);
    expect((await page.patwarden.ask(getToken, { id: token.id })).token).toMatchObject({
      state: Token_State.REVOKED,
      revocationReason: RevocationReason.LEAKED,
    });
  });

  it("finds it by its SHA-256 too, and says when there is none or the text is no secret", async () => {
    const { secret } = await page.patwarden.createToken({ name: "found by hash" });
    const root = await open("/operator");
    const seek = async (text: string) => {
      await root.getByLabel("Secret or its SHA-256").fill(text);
      await press(root, "Find its token");
    };
    await seek(createHash("sha256").update(secret).digest("hex").toUpperCase());
    await see(root, "found by hash");
    await seek("f".repeat(64));
    await see(root, "No token of this deployment has this secret.");
    await seek("no secret");
    await see(root, /That is no secret of a token/);
  });

  it("OR-10 makes a hint of a secret that is pasted into the search of the list", async () => {
    const { token, secret } = await page.patwarden.createToken({ name: "pasted whole" });
    const root = await open("/operator");
    const sent: string[] = [];
    root.on("request", (request) => sent.push(`${request.url()} ${request.postData()}`));
    const search = root.getByPlaceholder(/Name, description, ID/);
    await search.fill(`Bearer ${secret}`);
    const hint = token.secrets[0]?.hint ?? "";
    await expect.poll(() => search.inputValue()).toBe(`Bearer ${hint}`);
    await search.fill(secret);
    await expect.poll(() => new URL(root.url()).searchParams.get("q")).toBe(hint);
    await row(root, "pasted whole").waitFor();
    expect(await search.inputValue()).toBe(hint);
    expect(sent.filter((request) => request.includes(secret))).toEqual([]);
  });

  it("lists the tokens of everybody, by the end of a secret and by their owner", async () => {
    const { secret } = await page.patwarden.createToken({ subject: "user:zoe", name: "of zoe" });
    await page.patwarden.createToken({ subject: "organization:other", name: "of other" });
    const root = await open("/operator");
    await root.getByPlaceholder(/Name, description, ID/).fill(secret.slice(-4));
    await row(root, "of zoe").waitFor();
    await row(root, "of other").waitFor({ state: "detached" });
    await root.goto(`${page.url}/operator?owner=organization:other`);
    await row(root, "of other").waitFor();
    expect(await row(root, "of zoe").count()).toBe(0);
  });

  it("disables, enables and deletes a user, and says before what that stops", async () => {
    const tokens = await Promise.all([1, 2].map(() => page.patwarden.createToken({ subject: "user:dora" })));
    const root = await open("/operator/subjects?prefix=user:dor");
    await row(root, "user:dora").getByText("Active").waitFor();
    const act = async (action: string) => {
      await press(root, "Actions for user:dora");
      await press(root.getByRole("table"), action);
    };
    const state = async () => (await page.patwarden.ask(getSubject, { subject: "user:dora" })).subject?.state;
    const dialog = root.getByRole("dialog");
    await act("Disable");
    await see(dialog, /2 tokens stop at once/);
    await press(dialog, "Disable");
    await see(root, "user:dora is disabled on every server.");
    expect(await page.patwarden.check(tokens[0]?.secret ?? "")).toBe(Reason.SUBJECT_DISABLED);
    await row(root, "user:dora").getByText("Disabled").waitFor();
    await act("Enable");
    await press(dialog, "Enable");
    await see(root, "user:dora is enabled.");
    expect(await state()).toBe(Subject_State.ACTIVE);
    await row(root, "user:dora").getByText("Active").waitFor();
    await act("Delete");
    await see(dialog, /2 tokens end for good/);
    expect(await dialog.getByRole("button", { name: "Delete" }).isDisabled()).toBe(true);
    await dialog.getByLabel("Type the name to confirm").fill("user:dora");
    await press(dialog, "Delete");
    await see(root, /user:dora is deleted/);
    expect(await state()).toBe(Subject_State.DELETED);
    expect(await page.patwarden.check(tokens[1]?.secret ?? "")).toBe(Reason.TOKEN_REVOKED);
    await page.patwarden.ask(enableSubject, { subject: "user:dora" });
  });

  it("disables somebody who has no token yet", async () => {
    const root = await open("/operator/subjects");
    await root.getByLabel("Name begins with").fill("user:newcomer");
    await see(root, /user:newcomer has no token/);
    await press(root, "Disable");
    await press(root.getByRole("dialog"), "Disable");
    await see(root, "user:newcomer is disabled on every server.");
    await row(root, "user:newcomer").getByText("Disabled").waitFor();
  });

  it("sets the deployment's policies, each for its kind of tokens", async () => {
    const root = await open("/operator/policies");
    const bound = root.getByLabel("Tokens of users must belong to an organization");
    await bound.waitFor();
    await press(root, "Tokens of organizations");
    await bound.waitFor({ state: "detached" });
    await root.getByLabel("Revoke when an old secret is used").check();
    await press(root, "Review changes");
    await press(root.getByRole("dialog"), "Save");
    await see(root, "Saved. It holds on every server.");
    const { policy } = await page.patwarden.ask(PolicyService.method.getPolicy, { scope: "organization" });
    expect(policy?.revokeOnReuse).toBe(true);
  });

  it("tells what has happened in the whole deployment, by a token or a user", async () => {
    const { token } = await page.patwarden.createToken({ subject: "user:erin", name: "seen in the history" });
    const root = await open("/operator/audit");
    await root.getByLabel("Token or user").fill(token.id);
    await root.getByRole("link", { name: "seen in the history" }).waitFor();
    await root.getByLabel("Token or user").fill("user:erin");
    await root.waitForURL(/about=user/);
    await root.getByRole("link", { name: "seen in the history" }).waitFor();
  });

  it.each([
    ["en-GB", "light", 1280],
    ["de-AT", "dark", 375],
  ] as const)("is accessible and fits (%s, %s, %d px)", async (locale, colorScheme, width) => {
    const visit = await page.open("root", "/operator", { locale, colorScheme, viewport: { width, height: 800 } });
    visits.push(visit);
    for (const path of ["", "/subjects", "/policies", "/audit", "/emergency"]) {
      await visit.page.goto(`${page.url}/operator${path}`);
      await visit.page.waitForLoadState("networkidle");
      expect([path, await visit.inaccessible()]).toEqual([path, []]);
      expect([path, await overflows(visit.page)]).toEqual([path, false]);
    }
  });

  // The last one: it ends all tokens.
  it("OR-8 ends all tokens after the number was typed, and waits until every server has confirmed it", async () => {
    const { secret } = await page.patwarden.createToken({ name: "one of many" });
    const everything = { target: { case: "everything", value: true } as const, validateOnly: true };
    const { count } = await page.patwarden.ask(revokeTokens, everything);
    const root = await open("/operator/emergency");
    // The change is stored, but its answer says that not every replica has confirmed it.
    let revocations = 0;
    await root.route("**/patwarden.v1.TokenService/RevokeTokens", async (route) => {
      const response = await route.fetch();
      if (route.request().postDataJSON().validateOnly || ++revocations > 1) return route.fulfill({ response });
      const detail = { type: "google.rpc.ErrorInfo", value: errorInfo("REVOCATION_PENDING") };
      const json = { code: "unavailable", message: "stored, not confirmed", details: [detail] };
      return route.fulfill({ status: 503, json });
    });
    await press(root, "Count tokens");
    await see(root, `${count} tokens would end.`);
    await press(root, `Revoke ${count} tokens…`);
    const dialog = root.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: `Revoke ${count} tokens` });
    await dialog.getByLabel(`Type ${count} to confirm`).fill(String(count + 1));
    expect(await confirm.isDisabled()).toBe(true);
    await dialog.getByLabel(`Type ${count} to confirm`).fill(String(count));
    await confirm.click();
    await see(dialog, "Stored. Waiting until every server has confirmed it.");
    await see(dialog, `${count} tokens were ended on every server.`);
    expect(revocations).toBe(2);
    expect(await page.patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
    expect(await page.patwarden.ask(revokeTokens, everything)).toMatchObject({ count: 0 });
  });
});

/** Returns the ErrorInfo of a reason as Connect has it in JSON. */
function errorInfo(reason: string): string {
  const field = (number: number, text: string) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, text.length]), Buffer.from(text)]);
  return Buffer.concat([field(1, reason), field(2, "patwarden.v1")])
    .toString("base64")
    .replace(/=+$/, "");
}
