import { once } from "node:events";
import { readFileSync } from "node:fs";
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

/** A page of another site, with the strictest policy that leaves it its own script. */
const strict = [
  "default-src 'none'; script-src 'self'; style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'",
  "base-uri 'none'; form-action 'none'",
].join("; ");

describe.skipIf(noBrowser)(`the tokens of a user${noBrowser ? ` (${noBrowser})` : ""}`, () => {
  let issuer: TestIssuer;
  let address: ConsoleAddress;
  let patwarden: Patwarden;
  let browser: Browser;
  let foreign: Server;
  let foreignUrl = "";
  let userToken = "";
  beforeAll(async () => {
    issuer = await startTestIssuer();
    address = await openConsoleAddress();
    foreign = createServer(({ url }, response) => {
      const script = `
        const element = document.querySelector("patwarden-tokens");
        window.told = [];
        for (const name of ["created", "rotated", "revoked", "sign-in-needed", "step-up"])
          document.addEventListener("patwarden-" + name, ({ type, detail }) => window.told.push({ type, detail }));
        element.getAccessToken = async () => (await fetch("/token")).text();
        import("/patwarden-tokens.js");`;
      const page = `<!doctype html><html lang="en"><title>Settings</title><h1>Settings</h1>
        <patwarden-tokens base-url="${patwarden.server.publicHttp}"></patwarden-tokens><script type="module" src="/host.js"></script>`;
      const answers: Readonly<Record<string, readonly [string, string]>> = {
        "/": ["text/html", page],
        "/host.js": ["text/javascript", script],
        "/token": ["text/plain", userToken],
        "/patwarden-tokens.js": ["text/javascript", readFileSync("dist/elements/patwarden-tokens.js", "utf8")],
      };
      const [type, body] = answers[url ?? ""] ?? ["text/plain", ""];
      const policy = `${strict}; connect-src 'self' ${patwarden.server.publicHttp}`;
      response.writeHead(200, { "content-type": type, "content-security-policy": policy }).end(body);
    }).listen(0, "127.0.0.1");
    await once(foreign, "listening");
    const at = foreign.address();
    foreignUrl = `http://127.0.0.1:${typeof at === "object" && at ? at.port : 0}`;
    patwarden = await startPatwarden({
      config: {
        issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
        public_http: { listen: "127.0.0.1:0", origins: [foreignUrl] },
        console: consoleConfig(issuer, address.url),
        catalog,
      },
    });
    address.lead(patwarden.server.console);
    userToken = await issuer.sign({ sub: "alice" });
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
    await page.getByRole("button", { name: "Make token" }).click();
    await page.getByRole("heading", { name: `Secret of ${name}` }).waitFor();
    await page.getByRole("button", { name: "Copy secret" }).click();
    await page.getByRole("button", { name: "Secret copied" }).waitFor();
    // The console's pages may not read the clipboard.
    const reader = await context.newPage();
    await reader.goto(`${foreignUrl}/nothing`);
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
    await page.getByText("May read Documents roadmap").waitFor();

    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await page.getByLabel("Type the token's name to confirm").fill("by the page");
    await page.getByRole("button", { name: "Revoke token" }).click();
    await page.getByText("Ended on every server.").first().waitFor();
    expect(await patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
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

  it("are made by the element on a page of another site, under a strict policy", async () => {
    const visit = await browser.visit({
      origins: [foreignUrl, patwarden.server.publicHttp],
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const { page } = visit;
    await page.goto(foreignUrl);
    await page.getByRole("heading", { name: "My tokens" }).waitFor();
    const secret = await makeToken(visit, "by the element");
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.getByText("It works: it identifies itself as user:alice.").first().waitFor();
    expect(await patwarden.check(secret)).toBe(Reason.ALLOWED);
    const told = await page.evaluate(() => Reflect.get(window, "told"));
    expect(told).toEqual([
      { type: "patwarden-created", detail: { id: expect.stringMatching(/^tok_/), name: "by the element" } },
    ]);
    expect(JSON.stringify(told)).not.toContain(secret);
    expect(await visit.inaccessible()).toEqual([]);
    expect(visit.problems).toEqual([]);
    await visit.close();
  });
});
