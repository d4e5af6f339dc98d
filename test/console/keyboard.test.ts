import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { noBrowser, type Page, tabOrder, type Visit } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";
import { finish, makeToken } from "./steps.js";

/*
 * The page without a mouse, and as users of screen readers hear it.
 */

let site: ConsolePage;
let visit: Visit;
let page: Page;
let heard: string[];
beforeAll(async () => {
  if (!noBrowser) site = await startConsolePage();
});
afterAll(() => site?.stop());
afterEach(async () => {
  expect(visit.problems).toEqual([]);
  await visit.close();
});

async function open(path: string, options?: Parameters<ConsolePage["open"]>[2]): Promise<void> {
  visit = await site.open("alice", "/signed-out", options);
  page = visit.page;
  heard = [];
  await visit.context.exposeBinding("patwardenHeard", (_, said: string) => void heard.push(said));
  await visit.context.addInitScript(() => {
    const tell = Reflect.get(globalThis, "patwardenHeard") as (text: string) => void; // exposed above
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const region = (target instanceof Element ? target : target.parentElement)?.closest("[role=status]");
        if (region?.textContent) tell(region.textContent);
      }
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto(`${site.url}${path}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
}

/** Returns the name and the role of the element with the focus. */
const focused = () =>
  page.evaluate(() => {
    const active = document.activeElement as HTMLInputElement | null;
    const label = active?.labels?.[0]?.textContent?.trim();
    return active?.getAttribute("aria-label") ?? label ?? active?.textContent?.trim() ?? "";
  });

/** Presses Tab until the focus is on an element whose name begins so. */
async function tabTo(name: string, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  const passed: string[] = [];
  for (let step = 0; step < 80; step++) {
    const now = await focused();
    if (now.startsWith(name)) return;
    passed.push(now.slice(0, 40));
    await page.keyboard.press(key);
  }
  throw new Error(`Tab does not reach ${name}, but ${passed.join(" | ")}`);
}

/** Waits until users of a screen reader have heard a text. */
const hear = (said: string) => expect.poll(() => heard).toContain(said);

describe.skipIf(noBrowser)(`the page by keyboard alone${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  it("PG-24 makes a token, keeps its secret, looks at it and revokes it", async () => {
    await open("/", { permissions: ["clipboard-read", "clipboard-write"] });
    await tabTo("New token");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "New token" }).waitFor();
    // The focus goes to the new view, so that Tab goes on at its beginning.
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("My tokens");
    await tabTo("Name");
    await page.keyboard.type("by keyboard");
    await tabTo("Add Documents");
    await page.keyboard.press("Enter");
    await tabTo("read");
    await page.keyboard.press("Space");
    await tabTo("Search Documents");
    await page.keyboard.type("road");
    // Once the list has what was typed.
    await page.getByRole("option", { name: "handbook" }).waitFor({ state: "detached" });
    await page.getByRole("option", { name: "roadmap" }).waitFor();
    await page.keyboard.press("ArrowDown");
    const active = await page.evaluate(() => {
      const id = document.activeElement?.getAttribute("aria-activedescendant") ?? "";
      const root = document.getElementById(id);
      return [root?.getAttribute("aria-selected"), root?.textContent];
    });
    expect(active).toEqual(["true", "roadmap"]);
    await page.keyboard.press("Enter");
    await hear("roadmap added");
    await tabTo("Create token");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Secret of by keyboard" }).waitFor();
    expect(await focused()).toBe("Secret of by keyboard");
    await tabTo("Copy secret");
    await page.keyboard.press("Enter");
    await hear("Secret copied");
    // The button changes its words and keeps the focus.
    expect(await focused()).toBe("Secret copied");
    const secret = page.getByRole("textbox", { name: "Secret of by keyboard" });
    await tabTo("Show secret");
    await page.keyboard.press("Space");
    await expect.poll(() => secret.inputValue()).not.toContain("•");
    await page.keyboard.press("Space");
    await expect.poll(() => secret.inputValue()).toContain("•");
    await tabTo("I have stored the secret");
    await page.keyboard.press("Space");
    await tabTo("Done");
    await page.keyboard.press("Enter");
    await page.getByRole("navigation", { name: "Parts of the token" }).waitFor();
    await tabTo("Revoke");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Revoke by keyboard" });
    await dialog.waitFor();
    await tabTo("Type the token's name");
    await page.keyboard.type("by keyboard");
    await page.keyboard.press("Enter");
    await hear("Ended on every server.");
    await tabTo("Close");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    const { tokens } = await site.patwarden.ask(TokenService.method.listTokens, { query: "by keyboard" });
    expect(tokens[0]).toMatchObject({ usable: Reason.TOKEN_REVOKED });
  });

  it("PG-25 opens and closes menus and dialogs, and the focus returns to where it was", async () => {
    await site.patwarden.createToken({ name: "in a menu" });
    await open("/?q=in%20a%20menu");
    await page.getByRole("link", { name: "in a menu" }).waitFor();
    await tabTo("Actions for in a menu");
    await page.keyboard.press("Enter");
    await expect.poll(focused).toBe("New secret");
    await page.keyboard.press("Escape");
    await expect.poll(focused).toBe("Actions for in a menu");
    await page.keyboard.press("Enter");
    await expect.poll(focused).toBe("New secret");
    await tabTo("Revoke");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Revoke in a menu" });
    await dialog.waitFor();
    // Nothing behind the dialog is reached.
    const reached = new Set<boolean>();
    for (let step = 0; step < 12; step++) {
      await page.keyboard.press("Tab");
      reached.add(
        await page.evaluate(
          () => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null,
        ),
      );
    }
    expect([...reached]).toEqual([true]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await expect.poll(focused).toBe("Actions for in a menu");
  });

  it("PG-26 says how many entries are wrong, and leads to the first; each is named by its mistake", async () => {
    await open("/new");
    await tabTo("Create token");
    await page.keyboard.press("Enter");
    await hear("2 entries need a change.");
    await expect.poll(focused).toBe("Name");
    const described = await page.getByLabel("Name", { exact: true }).evaluate((input) => [
      input.getAttribute("aria-invalid"),
      (input.getAttribute("aria-describedby") ?? "")
        .split(" ")
        .map((id) => document.getElementById(id)?.textContent)
        .join(" "),
    ]);
    expect(described).toEqual(["true", expect.stringContaining("Give it a name.")]);
  });

  it("PG-27 says in words what pictures, masks and switches show", async () => {
    await open("/new");
    await makeToken(page, "in words");
    const field = page.getByRole("textbox", { name: "Secret of in words" });
    const note = await field.evaluate(
      (input) => document.getElementById(input.getAttribute("aria-describedby") ?? "")?.textContent,
    );
    expect(note).toBe("The secret is hidden. Copy works without showing it.");
    const show = page.getByRole("button", { name: "Show secret" });
    expect([await show.getAttribute("aria-pressed"), await show.press("Space")]).toEqual(["false", undefined]);
    // The name stays: the state is said by aria-pressed.
    expect(await page.getByRole("button", { name: "Show secret" }).getAttribute("aria-pressed")).toBe("true");
    expect(heard.join()).not.toContain(await field.inputValue());
    await show.press("Space");
    await finish(page);
    await page.getByRole("link", { name: "My tokens" }).first().click();
    await page
      .getByRole("img", { name: /^Last 30 days: \d+ allowed, \d+ refused$/ })
      .first()
      .waitFor();
    const buttons = await page
      .getByRole("button", { name: /^Actions for/ })
      .evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
    expect(new Set(buttons).size).toBe(buttons.length);
  });

  it("PG-28 shows where the focus is, in light, dark and forced colors", async () => {
    await open("/");
    const order = await tabOrder(page);
    expect(order.slice(0, 4)).toEqual(["Skip to the content", "My tokens", "Organizations", "Sign out"]);
    for (const media of [{ colorScheme: "light" }, { colorScheme: "dark" }, { forcedColors: "active" }] as const) {
      await page.emulateMedia(media);
      await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
      const unseen: string[] = [];
      for (let step = 0; step < Math.min(order.length, 16); step++) {
        await page.keyboard.press("Tab");
        const seen = await page.evaluate(() => {
          if (document.activeElement === document.body) return true;
          const shown = [document.activeElement, document.activeElement?.parentElement].filter((one) => !!one);
          return shown.some((one) => {
            const { outlineStyle, outlineWidth } = getComputedStyle(one);
            return outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2;
          });
        });
        if (!seen) unseen.push(await focused());
      }
      expect([media, unseen]).toEqual([media, []]);
    }
    // Bars are drawn in colors of the system, and not in the color of the page.
    const fills = await page.evaluate(() =>
      [".allowed", ".refused"].map((name) => {
        const bar = document.querySelector(`.bars ${name}`);
        return bar && getComputedStyle(bar).fill;
      }),
    );
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(fills).not.toContain(ground);
  });

  it("PG-29 moves nothing that says nothing, for people who want less motion", async () => {
    await open("/");
    await page.emulateMedia({ reducedMotion: "reduce" });
    await openDialog();
    const moving = await page.evaluate(() =>
      document
        .getAnimations()
        .filter(({ playState }) => playState === "running")
        .map((one) => (one instanceof CSSTransition ? one.transitionProperty : (one as CSSAnimation).animationName)),
    );
    // The spinner says that something is coming.
    expect(moving.filter((name) => name !== "spin" && !/color|opacity/.test(name))).toEqual([]);
  });

  /** Opens a dialog and a menu, which could slide in. */
  async function openDialog(): Promise<void> {
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("dialog").waitFor();
  }

  it("PG-30 takes the browser's language, and another one at once, with its dates", async () => {
    await open("/", { locale: "de-AT", timezoneId: "Europe/Vienna" });
    await page.getByRole("heading", { name: "Meine Tokens" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
    await page.getByRole("combobox", { name: "Sprache" }).selectOption("en");
    await page.getByRole("heading", { name: "My tokens" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
    await page.reload();
    await page.getByRole("heading", { name: "My tokens" }).waitFor();
  });
});
