import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type Browser, noBrowser, openBrowser, type Visit } from "../kit/browser.js";
import { type ConsoleAddress, consoleConfig, openConsoleAddress } from "../kit/console.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";

const catalog = {
  types: {
    document: {
      label: "Documents",
      actions: { viewer: { label: "read", risk: "low" }, editor: { label: "change", risk: "medium" } },
    },
    organization: { hidden: true },
  },
};

describe.skipIf(noBrowser)(`the tokens of a user${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let issuer: TestIssuer;
  let address: ConsoleAddress;
  let patwarden: Patwarden;
  let browser: Browser;
  /** An empty page without a policy. */
  let foreign: Server;
  let foreignUrl = "";
  beforeAll(async () => {
    issuer = await startTestIssuer();
    address = await openConsoleAddress();
    foreign = createServer((_, response) => response.end()).listen(0, "127.0.0.1");
    await once(foreign, "listening");
    const at = foreign.address();
    foreignUrl = `http://127.0.0.1:${typeof at === "object" && at ? at.port : 0}`;
    patwarden = await startPatwarden({
      config: {
        issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
        console: consoleConfig(issuer, address.url),
        catalog,
      },
    });
    address.lead(patwarden.server.console);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    foreign?.close();
    await patwarden?.stop();
    await issuer?.stop();
    await address?.stop();
  });

  /** Opens the console as alice. */
  async function signedIn(): Promise<Visit> {
    const visit = await browser.visit({ permissions: ["clipboard-read", "clipboard-write"] });
    await visit.page.goto(`${address.url}/`);
    await visit.page.getByRole("button", { name: "Sign in" }).click();
    await visit.page.getByRole("heading", { name: "My tokens" }).waitFor();
    return visit;
  }

  /** Makes a token that may read the roadmap. Returns its secret, from the clipboard. */
  async function makeToken({ page, context }: Visit, name: string): Promise<string> {
    await page.getByRole("button", { name: "New token" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByRole("button", { name: "Add Documents" }).click();
    await page.getByRole("checkbox", { name: /^read/ }).check();
    const search = page.getByRole("combobox", { name: /Search Documents/ });
    await search.fill("road");
    await page.getByRole("option", { name: "roadmap" }).click();
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByRole("heading", { name: `Secret of ${name}` }).waitFor();
    await page.getByRole("button", { name: "Copy secret" }).click();
    await page.getByRole("button", { name: "Secret copied" }).waitFor();
    // The console's pages may not read the clipboard.
    const reader = await context.newPage();
    await reader.goto(foreignUrl);
    const copied = await reader.evaluate(() => navigator.clipboard.readText());
    await reader.close();
    return copied;
  }

  it("are made on the page, work, and end there", async () => {
    const visit = await signedIn();
    const { page } = visit;
    const secret = await makeToken(visit, "by the page");
    // The copy was made without showing it.
    expect(await page.getByLabel("Secret of by the page").inputValue()).not.toContain(secret);
    await page.getByRole("button", { name: "Show secret" }).click();
    expect(await page.getByLabel("Secret of by the page").inputValue()).toBe(secret);
    expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
    expect(await patwarden.check(secret, { action: "editor" })).toBe(Reason.NOT_GRANTED);

    await page.getByRole("checkbox", { name: "I have stored the secret" }).check();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("heading", { name: "by the page" }).waitFor();
    expect(await page.content()).not.toContain(secret);
    await page.getByText("Documents roadmap: read").waitFor();

    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await page.getByLabel("Type the token's name to confirm").fill("by the page");
    await page.getByRole("button", { name: "Revoke token" }).click();
    await page.getByText("Ended on every server.").first().waitFor();
    expect(await patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
    // Nothing of it looks alive.
    await page.getByRole("button", { name: "Close", exact: true }).last().click();
    await page.getByText("Current", { exact: true }).waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Reach" }).click();
    await page.getByText("The token has ended and reaches nothing.").waitFor();
    expect(visit.problems).toEqual([]);
    await visit.close();
  });

  it("are not left without a question while the secret is shown", async () => {
    const visit = await signedIn();
    const { page } = visit;
    await makeToken(visit, "asks first");
    const leave = page.getByRole("dialog", { name: "Leave without the secret?" });
    await page.getByRole("link", { name: "My tokens" }).click();
    await leave.getByRole("button", { name: "Stay here" }).click();
    await page.goBack();
    await leave.waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { name: "Secret of asks first" }).waitFor();
    await page.goBack();
    await leave.getByRole("button", { name: "Leave anyway" }).click();
    await page.getByRole("heading", { name: "My tokens" }).waitFor();
    await page.goForward();
    expect(await page.getByText("Secret of asks first").count()).toBe(0);
    expect(visit.problems).toEqual([]);
    await visit.close();
  });
});
