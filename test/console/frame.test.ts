import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { noBrowser, type Page, type Visit } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";
import { finish, makeToken } from "./steps.js";

/*
 * The page around the views: the title, the link past the header, addresses, menus, search and sign-out.
 */

let site: ConsolePage;
let visit: Visit;
let page: Page;
beforeAll(async () => {
  if (!noBrowser) site = await startConsolePage();
});
afterAll(() => site?.stop());
afterEach(async () => {
  site.address.release();
  expect(visit.problems).toEqual([]);
  await visit.close();
});

async function open(path: string): Promise<void> {
  visit = await site.open("alice", "/");
  page = visit.page;
  await page.getByRole("heading", { level: 1 }).waitFor();
  if (path !== "/") await page.goto(`${site.url}${path}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
}

const count = async (role: "link" | "dialog", name: string) => page.getByRole(role, { name }).count();

describe.skipIf(noBrowser)(`the page around the views${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  it("keeps the view's name in its title when only the filters change", async () => {
    await open("/");
    await expect.poll(() => page.title()).toBe("My tokens · Tokens");
    await page.getByRole("combobox", { name: "Order" }).selectOption("name");
    await page.waitForURL(/order=name/);
    expect(await page.title()).toBe("My tokens · Tokens");
  });

  it("leads past its header without a new address, also while a secret is shown", async () => {
    await open("/new");
    await makeToken(page, "skipped to");
    await page.getByRole("link", { name: "Skip to the content" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("content");
    expect(new URL(page.url()).hash).toBe("");
    expect(await count("dialog", "")).toBe(0);
    await finish(page);
  });

  it("says that there is no such page at an address that cannot be read", async () => {
    await open("/orgs/%E0");
    await page.getByRole("heading", { name: "There is no such page" }).waitFor();
  });

  it("closes a menu by the button that has opened it", async () => {
    await site.patwarden.createToken({ name: "with a menu" });
    await open("/?q=with%20a%20menu");
    const button = page.getByRole("button", { name: "Actions for with a menu" });
    const item = page.getByRole("link", { name: "New secret" });
    await button.click();
    await item.waitFor();
    await button.click();
    await item.waitFor({ state: "hidden" });
    await button.click();
    await item.waitFor();
  });

  it("keeps what is typed into a search when an answer comes meanwhile", async () => {
    await open("/");
    const search = page.getByRole("searchbox").first();
    await page.clock.install();
    site.address.disturb("/ListTokens", "hold");
    await page.getByRole("combobox", { name: "Order" }).selectOption("name");
    await search.pressSequentially("lap");
    const answer = page.waitForResponse(/ListTokens$/);
    site.address.release();
    await answer;
    await page.locator("table[aria-busy=false]").waitFor();
    expect(await search.inputValue()).toBe("lap");
  });

  it("says so when the sign-out fails, and stays", async () => {
    await open("/");
    site.address.disturb("/sign-out", { status: 503, body: "{}" });
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("heading", { name: "My tokens" }).count()).toBe(1);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/signed-out|127\.0\.0\.1/);
  });
});
