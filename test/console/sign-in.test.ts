import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { noBrowser } from "../kit/browser.js";
import { consoleConfig } from "../kit/console.js";
import { issuerClient } from "../kit/issuer.js";
import type { Server } from "../kit/server.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";
import { finish, makeToken } from "./steps.js";

let site: ConsolePage;
let replica: Server;
beforeAll(async () => {
  if (noBrowser) return;
  site = await startConsolePage();
  replica = await site.patwarden.startReplica({ config: site.config });
  site.address.lead(site.patwarden.server.console, replica.console);
});
afterAll(async () => {
  await replica?.stop();
  await site?.stop();
});

describe.skipIf(noBrowser)(
  `people in a browser, before two replicas${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`,
  () => {
    it("PG-20 sign in, come back to where they wanted to go, and sign out", async () => {
      const visit = await site.browser.visit({ origins: [site.url, new URL(site.issuer.url).origin] });
      const { page, context, problems } = visit;
      site.issuer.signIns({ claims: { name: "Alice Liddell" } });
      await page.goto(`${site.url}/new?v=1&name=by%20a%20link`);
      await page.getByRole("heading", { name: "You are signed out" }).waitFor();
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("heading", { name: "New token" }).waitFor();
      expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("by a link");
      await page.getByRole("banner").getByText("Alice Liddell").waitFor();
      expect(await page.evaluate(() => document.cookie)).toBe("");
      expect(await context.cookies()).toMatchObject([
        { name: "pw_session", httpOnly: true, sameSite: "Strict", path: "/", expires: -1 },
      ]);
      // Nothing of the sign-in stays in the address or in the history.
      expect(page.url()).toBe(`${site.url}/new?v=1&name=by%20a%20link`);
      await makeToken(page, "by a link");
      await finish(page);

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("heading", { name: "You are signed out" }).waitFor();
      expect(await context.cookies()).toEqual([]);
      await page.goBack();
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      expect(await page.content()).not.toContain("by a link");
      expect(problems).toEqual([]);
      await visit.close();
    });

    it("PG-20 have the same session in each tab, at each replica, until it ends in one of them", async () => {
      const visit = await site.open("alice");
      const second = await visit.context.newPage();
      for (const page of [visit.page, second, visit.page, second]) {
        await page.goto(`${site.url}/`);
        await page.getByRole("heading", { name: "My tokens" }).waitFor();
      }
      await second.getByRole("button", { name: "Sign out" }).click();
      await second.getByRole("heading", { name: "You are signed out" }).waitFor();
      await visit.page.getByRole("combobox", { name: "Show" }).selectOption("all");
      await visit.page.getByRole("alert").getByText("Your session has ended").waitFor();
      // The link in it leads back to the list that was asked for.
      await visit.page.getByRole("alert").getByRole("button", { name: "Sign in" }).click();
      await visit.page.waitForURL(`${site.url}/?show=all`);
      await visit.page.getByRole("heading", { name: "My tokens" }).waitFor();
      expect(visit.problems).toEqual([]);
      await visit.close();
    });

    it("PG-21 are told in words when a sign-in fails, on a page without scripts", async () => {
      site.issuer.signIns({ back: { error: "access_denied", code: undefined } });
      const visit = await site.browser.visit();
      await visit.page.goto(`${site.url}/sign-in?return=/new`);
      await visit.page.getByRole("heading", { name: "You are not signed in" }).waitFor();
      expect(await visit.inaccessible()).toEqual([]);
      site.issuer.signIns({});
      await visit.page.getByRole("link").click();
      await visit.page.getByRole("heading", { name: "New token" }).waitFor();
      expect(visit.problems).toEqual([]);
      await visit.close();
    });

    it("PG-21 who were disabled are locked out of an open page", async () => {
      const visit = await site.open("carol");
      await visit.page.getByRole("heading", { name: "My tokens" }).waitFor();
      await site.patwarden.ask(SubjectService.method.disableSubject, { subject: "user:carol" });
      await visit.page.reload();
      await visit.page.getByRole("heading", { name: "You are signed out" }).waitFor();
      await visit.page.getByRole("button", { name: "Sign in" }).click();
      await visit.page.getByRole("heading", { name: "You are locked out" }).waitFor();
      await site.patwarden.ask(SubjectService.method.enableSubject, { subject: "user:carol" });
      expect(visit.problems).toEqual([]);
      await visit.close();
    });
  },
);

describe.skipIf(noBrowser)("people who sign in at oidc-provider", () => {
  it("PG-22 come back signed in, and sign out at both", async () => {
    const listening = createServer().listen(0, "127.0.0.1");
    await once(listening, "listening");
    const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`; // a TCP server has a port
    await handleByOidcProvider(listening, url);
    const issuers = [{ issuer: url, audiences: ["https://patwarden.example.com"] }];
    const server = await site.patwarden.startReplica({
      config: { ...site.config, issuers, console: consoleConfig({ url }, site.url) },
    });
    site.address.lead(server.console);
    const visit = await site.browser.visit({ origins: [site.url, url] });
    const { page, problems } = visit;
    await page.goto(`${site.url}/sign-in?return=/new`);
    // Its own pages for development: a sign-in with any password, and consent.
    await page.getByPlaceholder("Enter any login").fill("erin");
    await page.getByPlaceholder("and password").fill("any");
    await page.getByRole("button", { name: "Sign-in" }).click();
    await page.getByRole("button", { name: "Continue" }).click();
    // Its pages load fonts from elsewhere.
    const before = problems.length;
    await page.getByRole("heading", { name: "New token" }).waitFor();
    await page.getByRole("banner").getByText("user:erin").waitFor();
    expect(problems.slice(before)).toEqual([]);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: /Yes, sign me out/ }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    await visit.close();
    await server.stop();
    listening.closeAllConnections();
    listening.close();
    site.address.lead(site.patwarden.server.console, replica.console);
  });

  async function handleByOidcProvider(server: HttpServer, url: string): Promise<void> {
    const { default: Provider } = await import("oidc-provider");
    const provider = new Provider(url, {
      clients: [
        {
          client_id: issuerClient.id,
          client_secret: issuerClient.secret,
          redirect_uris: [`${site.url}/sign-in/callback`],
          post_logout_redirect_uris: [`${site.url}/signed-out`],
          response_types: ["code"],
          grant_types: ["authorization_code"],
        },
      ],
      pkce: { required: () => true },
      cookies: { keys: ["a key of this test"] },
    });
    server.on("request", provider.callback());
  }
});
