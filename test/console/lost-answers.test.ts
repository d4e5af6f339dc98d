import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { noBrowser, type Page, type Visit } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";
import { fillIn, finish, makeToken, offered, readSecret, submit } from "./steps.js";

let site: ConsolePage;
let visit: Visit;
let page: Page;
beforeAll(async () => {
  if (!noBrowser) site = await startConsolePage();
});
afterAll(() => site?.stop());
afterEach(async () => {
  site.address.release();
  site.address.lead(site.patwarden.server.console);
  expect(visit.problems).toEqual([]);
  await visit.close();
});

async function open(path: string): Promise<void> {
  visit = await site.open("alice", path);
  page = visit.page;
  await page.getByRole("heading", { level: 1 }).waitFor();
}

/** Returns how many tokens have this name. */
async function countNamed(name: string): Promise<number> {
  const request = { subject: "user:alice", query: name, pageSize: 100 };
  const { tokens } = await site.patwarden.ask(TokenService.method.listTokens, request);
  return tokens.filter((token) => token.name === name).length;
}

/** The answer while a replica has not confirmed a change. */
const pending = {
  status: 503,
  body: JSON.stringify({
    code: "unavailable",
    message: "the change is stored",
    details: [
      {
        type: "google.rpc.ErrorInfo",
        value: Buffer.from(
          toBinary(
            ErrorInfoSchema,
            create(ErrorInfoSchema, { reason: "REVOCATION_PENDING", domain: "patwarden.v1", metadata: {} }),
          ),
        ).toString("base64"),
      },
    ],
  }),
};

describe.skipIf(noBrowser)(`the page without an answer${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  it.each(["broken", "cut"] as const)("PG-8 asks again by itself for an answer that was %s", async (how) => {
    await open("/new");
    const before = site.address.count("/CreateToken");
    site.address.disturb("/CreateToken", how);
    await makeToken(page, `one ${how}`);
    expect(site.address.count("/CreateToken") - before).toBe(2);
    expect(await countNamed(`one ${how}`)).toBe(1);
    expect(await site.patwarden.check(await readSecret(page))).toBe(Reason.ALLOWED);
    await finish(page);
  });

  it("PG-8 offers to ask again, with what was entered, and gets the same token with its secret", async () => {
    await open("/new");
    site.address.disturb("/CreateToken", "broken", "broken", "broken", "broken");
    await fillIn(page, "lost");
    await submit(page);
    await page.getByRole("alert").getByText("The answer was lost.").waitFor();
    expect(await countNamed("lost")).toBe(1);
    expect(await page.getByLabel("Name", { exact: true }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Ask again" }).click();
    await offered(page, "lost");
    expect(await countNamed("lost")).toBe(1);
    expect(await site.patwarden.check(await readSecret(page))).toBe(Reason.ALLOWED);
    await finish(page);
  });

  it("PG-8 repairs a lost new secret in the same way", async () => {
    const { token, secret: old } = await site.patwarden.createToken({ name: "rotated" });
    await open(`/tokens/${token.id}?do=rotate`);
    await page.getByRole("radio", { name: "Not at all" }).check();
    site.address.disturb("/RotateToken", "broken", "broken", "broken", "broken");
    await page.getByRole("button", { name: "Create new secret" }).click();
    await page.getByRole("alert").getByText("The answer was lost.").waitFor();
    await page.getByRole("button", { name: "Ask again" }).click();
    await offered(page, "rotated");
    expect(await site.patwarden.check(await readSecret(page))).toBe(Reason.ALLOWED);
    expect(await site.patwarden.check(old)).toBe(Reason.TOKEN_SUPERSEDED);
    await finish(page);
  });

  it("PG-9 sends one request for a double click, Enter and a slow answer", async () => {
    await open("/new");
    await fillIn(page, "slow");
    const before = site.address.count("/CreateToken");
    site.address.disturb("/CreateToken", "hold");
    const button = page.getByRole("button", { name: "Create token" });
    await button.dblclick();
    await button.press("Enter");
    await page
      .getByLabel("Name", { exact: true })
      .press("Enter", { timeout: 1000 })
      .catch(() => undefined);
    expect(await button.getAttribute("aria-busy")).toBe("true");
    await expect.poll(() => countNamed("slow")).toBe(1);
    site.address.release();
    await offered(page, "slow");
    expect(site.address.count("/CreateToken") - before).toBe(1);
    expect(await countNamed("slow")).toBe(1);
    await finish(page);
  });

  it("PG-10 asks before it is left while a secret is on its way", async () => {
    await open("/new");
    await fillIn(page, "on its way");
    site.address.disturb("/CreateToken", "hold");
    await submit(page);
    await page.getByRole("link", { name: "Organizations" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Stay here" }).click();
    site.address.release();
    await offered(page, "on its way");
    expect(await site.patwarden.check(await readSecret(page))).toBe(Reason.ALLOWED);
    await finish(page);
  });

  it("PG-11 says that the database does not answer, keeps the form, and makes one token afterwards", async () => {
    await open("/new");
    await fillIn(page, "after the outage");
    site.patwarden.faults.database.cut();
    await submit(page);
    await page
      .getByRole("alert")
      .getByText(/does not answer|The answer was lost/)
      .waitFor();
    site.patwarden.faults.database.heal();
    await expect
      .poll(
        async () => {
          const again = page.getByRole("button", { name: /Create token|Ask again/ });
          if ((await again.count()) > 0 && (await again.getAttribute("aria-busy")) !== "true") await again.click();
          return page.getByRole("heading", { name: "Secret of after the outage" }).count();
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBe(1);
    expect(await countNamed("after the outage")).toBe(1);
    await finish(page);
  });

  it("PG-12 says when to try again after too many tokens, and does not try by itself", async () => {
    const replica = await site.patwarden.startReplica({
      config: { ...site.config, limits: { creations_per_hour: 1, lists_per_second: 0 } },
    });
    site.address.lead(replica.console);
    await open("/new");
    await makeToken(page, "the only one");
    await finish(page);
    await page.goto(`${site.url}/new`);
    await fillIn(page, "too many");
    const before = site.address.count("/CreateToken");
    await submit(page);
    await page
      .getByRole("alert")
      .getByText(/too much at once\. Try again in \d+ minutes/)
      .waitFor();
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("too many");
    expect(site.address.count("/CreateToken") - before).toBe(1);
    expect(await countNamed("too many")).toBe(0);
    await replica.stop();
  });

  it("takes typed names of the model where the catalog is not available", async () => {
    site.address.disturb("/GetCatalog", ...Array.from({ length: 20 }, () => pending));
    await open("/new");
    await page.getByLabel("Name", { exact: true }).fill("typed");
    await page.getByLabel("Kind of resource", { exact: true }).fill("document");
    await page.getByRole("button", { name: "Add: Kind of resource" }).click();
    await page.getByLabel("Action", { exact: true }).fill("viewer");
    await page.getByLabel("Action", { exact: true }).press("Enter");
    const search = page.getByRole("combobox", { name: /^Search document/ });
    await search.fill("roadmap");
    await search.press("Enter");
    await page.getByText("document roadmap: viewer").waitFor();
    await submit(page);
    await offered(page, "typed");
    const secret = await readSecret(page);
    expect(await site.patwarden.check(secret)).toBe(Reason.ALLOWED);
    await finish(page);
  });

  it("PG-13 repeats a revocation until every replica has confirmed it, and says ended only then", async () => {
    const { token, secret } = await site.patwarden.createToken({ name: "to confirm" });
    await open(`/tokens/${token.id}`);
    const before = site.address.count("/RevokeToken");
    site.address.disturb("/RevokeToken", pending, pending, "hold");
    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await page.getByLabel("Type the token's name to confirm").fill("to confirm");
    await page.getByRole("button", { name: "Revoke token" }).click();
    await page.getByRole("dialog").getByText("Waiting until every server has confirmed it").waitFor();
    await expect.poll(() => site.address.count("/RevokeToken") - before, { timeout: 15_000 }).toBe(3);
    expect(await page.getByText("Ended on every server").count()).toBe(0);
    site.address.release();
    await page.getByRole("dialog").getByText("Ended on every server").waitFor();
    expect(await site.patwarden.check(secret)).toBe(Reason.TOKEN_REVOKED);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  });

  it("PG-14 keeps the form when the session ends, without a secret, and makes one token after the sign-in", async () => {
    await open("/new");
    await fillIn(page, "kept form");
    // Signed out in another tab.
    const tab = await visit.context.newPage();
    await tab.goto(`${site.url}/`);
    await tab.getByRole("button", { name: "Sign out" }).click();
    await tab.getByRole("heading", { name: "You are signed out" }).waitFor();
    await tab.close();
    await submit(page);
    await page.getByRole("alert").getByText("Your session has ended").waitFor();
    expect(await countNamed("kept form")).toBe(0);
    await page.getByRole("alert").getByRole("button", { name: "Sign in" }).click();
    await page.getByText("You are back. What you entered is still here.").waitFor();
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("kept form");
    await submit(page);
    await offered(page, "kept form");
    const secret = await readSecret(page);
    expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }))).not.toContain(secret);
    expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
    expect(await countNamed("kept form")).toBe(1);
    await finish(page);
  });

  it("PG-14 gives a form that one person has left to nobody else", async () => {
    await open("/new");
    await fillIn(page, "of alice");
    await visit.context.clearCookies();
    await submit(page);
    await page.getByRole("alert").getByText("Your session has ended").waitFor();
    site.issuer.signIns({ claims: { sub: "bob", name: "bob" } });
    await page.getByRole("alert").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("banner").getByText("bob").waitFor();
    await page.getByRole("heading", { name: "New token" }).waitFor();
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("");
    expect(await page.getByRole("main").textContent()).not.toContain("alice");
  });

  it("PG-15 shows for an organization nothing that was asked for another, and makes the token for the one chosen", async () => {
    await site.patwarden.ask(PolicyService.method.updatePolicy, {
      policy: { scope: "organization:acme", maxLifetime: { seconds: 7n * 86_400n } },
      updateMask: { paths: ["max_lifetime"] },
    });
    await open("/new");
    await fillIn(page, "switched");
    const limit = page.getByText("at most 7 days");
    site.address.disturb("/GetCreationLimits", "hold");
    const held = site.address.count("/GetCreationLimits");
    await page.getByRole("radio", { name: "You, at acme" }).check();
    await expect.poll(() => site.address.count("/GetCreationLimits") - held).toBe(1);
    const answered = page.waitForResponse((response) => response.url().endsWith("/GetCreationLimits"));
    await page.getByRole("radio", { name: "You", exact: true }).check();
    await answered;
    site.address.release();
    await page.getByRole("radio", { name: "365 days" }).waitFor();
    expect(await limit.count()).toBe(0);

    await page.getByRole("radio", { name: "You, at acme" }).check();
    await limit.waitFor();
    site.address.disturb("/CreateToken", "hold");
    await submit(page);
    await expect.poll(() => countNamed("switched")).toBe(1);
    expect(await page.getByRole("radio", { name: "You", exact: true }).isDisabled()).toBe(true);
    site.address.release();
    await offered(page, "switched");
    await finish(page);
    await page.getByRole("definition").filter({ hasText: "organization:acme" }).first().waitFor();
  });
});
