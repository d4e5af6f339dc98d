import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type Locator, noBrowser, type Page, type Visit } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";
import { startPlainName } from "./plain-name.js";
import { finish, makeToken, readSecret } from "./steps.js";

let site: ConsolePage;
let visit: Visit;
let page: Page;
beforeAll(async () => {
  if (!noBrowser) site = await startConsolePage();
});
afterAll(() => site?.stop());
afterEach(async () => {
  expect(visit.problems).toEqual([]);
  await visit.close();
});

async function open(path: string, options?: Parameters<ConsolePage["open"]>[2]): Promise<void> {
  visit = await site.open("alice", path, options);
  page = visit.page;
  await page.getByRole("heading", { level: 1 }).waitFor();
}
const field = () => page.getByRole("textbox", { name: /^Secret of/ });
const leaving = () => page.getByRole("dialog", { name: "Leave without the secret?" });

/** Returns the text in the clipboard. The console's own pages may not read it. */
async function clipboard(): Promise<string> {
  const tab = await visit.context.newPage();
  await tab.goto(`${site.issuer.url}keys`);
  await tab.bringToFront();
  const text = await tab.evaluate(() => navigator.clipboard.readText());
  await tab.close();
  return text;
}

/** By these, recorders of sessions and password managers know the field. */
const leftAlone = {
  class: expect.stringMatching(/(?=.*sentry-block)(?=.*ph-no-capture)(?=.*fs-mask)(?=.*rr-mask)/),
  "data-sentry-mask": "",
  "data-sentry-block": "",
  "data-dd-privacy": "hidden",
  "data-hj-suppress": "",
  "data-private": "",
  "data-clarity-mask": "true",
  "data-1p-ignore": "",
  "data-lpignore": "true",
};
const attributesOf = (element: Locator) =>
  element.evaluate((input: Element) =>
    Object.fromEntries([...input.attributes].map(({ name, value }) => [name, value])),
  );

/** Everything that a window sends, gets, says, fires, and ever has in its document. */
interface Traces {
  readonly sent: string[];
  readonly answers: { readonly path: string; readonly text: string }[];
  readonly said: string[];
}

/** Follows a window from its start: must be called before the page is opened. */
async function follow({ context }: Visit): Promise<Traces> {
  const traces: Traces = { sent: [], answers: [], said: [] };
  await context.exposeBinding("patwardenTrace", (_, text: string) => {
    traces.said.push(text);
  });
  await context.addInitScript(() => {
    const tell = Reflect.get(globalThis, "patwardenTrace") as (text: string) => void; // exposed above
    const dispatch = EventTarget.prototype.dispatchEvent;
    EventTarget.prototype.dispatchEvent = function (event) {
      if (event instanceof CustomEvent) tell(`event ${event.type} ${JSON.stringify(event.detail)}`);
      return dispatch.call(this, event);
    };
    new MutationObserver((changes) => {
      for (const { type, target, attributeName, addedNodes } of changes) {
        if (type === "attributes") tell(`attribute ${(target as Element).getAttribute(attributeName ?? "")}`);
        else tell(`text ${target.textContent}`);
        for (const node of addedNodes) if (node instanceof Element) tell(`element ${node.outerHTML}`);
      }
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  context.on("console", (message) => traces.said.push(`console ${message.text()}`));
  context.on("request", async (request) => {
    traces.sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`);
    traces.sent.push(JSON.stringify(await request.allHeaders().catch(() => ({}))));
  });
  context.on("response", async (response) => {
    const text = await response.text().catch(() => "");
    traces.answers.push({
      path: new URL(response.url()).pathname,
      text: `${JSON.stringify(response.headers())}${text}`,
    });
  });
  return traces;
}

/** Returns everything that the window has kept, as text. */
async function kept(): Promise<string> {
  const ofPage = await page.evaluate(async () => [
    location.href,
    document.title,
    document.cookie,
    document.documentElement.outerHTML,
    JSON.stringify(history.state),
    JSON.stringify({ ...localStorage }),
    JSON.stringify({ ...sessionStorage }),
    JSON.stringify(await indexedDB.databases()),
    JSON.stringify(await caches.keys()),
    String((await navigator.serviceWorker.getRegistrations()).length),
    window.name,
    ...[...document.querySelectorAll("input, textarea")].map((input) => (input as HTMLInputElement).value),
  ]);
  return [...ofPage, JSON.stringify(await visit.context.storageState({ indexedDB: true }))].join("\n");
}

/** Returns the heap of the page's scripts without garbage, as text. */
async function memory(): Promise<string> {
  const session = await visit.context.newCDPSession(page);
  const parts: string[] = [];
  session.on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => parts.push(chunk));
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  await session.detach();
  return parts.join("");
}

describe.skipIf(noBrowser)(`a secret on the page${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  it("PG-1 is in the one answer of the server and nowhere else, when it is made and when it is replaced", async () => {
    visit = await site.open("alice", "/signed-out", { permissions: ["clipboard-read", "clipboard-write"] });
    page = visit.page;
    const traces = await follow(visit);
    await page.goto(`${site.url}/new`);
    await makeToken(page, "kept secret");
    // Copied without being shown: then it is not even the value of the field.
    await page.getByRole("button", { name: "Copy secret" }).click();
    await page.getByRole("button", { name: "Secret copied" }).waitFor();
    const first = await clipboard();
    expect(await site.patwarden.check(first)).toBe(Reason.ALLOWED);
    expect(await kept()).not.toContain(first);
    // Shown: then it is the value of the field, and still in no attribute and no text.
    expect(await readSecret(page)).toBe(first);
    await page.getByRole("button", { name: "Ask whether it works" }).click();
    await page.locator("#content").getByText("The token works.").waitFor();
    await finish(page);
    expect(await kept()).not.toContain(first);

    await page.getByRole("button", { name: "New secret" }).click();
    await page.getByRole("radio", { name: "For 1 hour" }).check();
    await page.getByRole("button", { name: "Create new secret" }).click();
    await page.getByRole("heading", { name: "Secret of kept secret" }).waitFor();
    await page.getByText("The old secret still works until").waitFor();
    const second = await readSecret(page);
    expect(await site.patwarden.check(second)).toBe(Reason.ALLOWED);
    await finish(page);
    await page.getByRole("link", { name: "My tokens" }).first().click();
    await page.getByRole("link", { name: "kept secret" }).waitFor();

    const dump = await site.patwarden.dump();
    for (const [secret, method] of [
      [first, "CreateToken"],
      [second, "RotateToken"],
    ] as const) {
      expect(await kept()).not.toContain(secret);
      expect(traces.answers.filter(({ text }) => text.includes(secret)).map(({ path }) => path)).toEqual([
        `/patwarden.v1.TokenService/${method}`,
      ]);
      const others = [...traces.sent, ...traces.said, site.patwarden.server.log(), dump];
      expect(others.filter((text) => text.includes(secret))).toEqual([]);
    }
    expect(traces.said.length).toBeGreaterThan(100);
    expect(traces.sent.join()).toContain("CreateToken");
  });

  it("PG-2 is left by the button alone: each other way out asks first", async () => {
    await open("/");
    await page.getByRole("button", { name: "New token" }).first().click();
    await makeToken(page, "asks first");
    await expect.poll(() => page.getByRole("button", { name: "Done" }).isDisabled()).toBe(true);
    const secret = await readSecret(page);
    const ways: Readonly<Record<string, () => Promise<unknown>>> = {
      link: () => page.getByRole("link", { name: "Organizations" }).click(),
      back: () => page.evaluate(() => history.back()),
      "back again": () => page.evaluate(() => history.back()),
    };
    for (const [way, go] of Object.entries(ways)) {
      await go();
      await leaving().waitFor();
      expect([way, await page.evaluate(() => location.pathname)]).toEqual([way, "/new"]);
      await page.keyboard.press("Escape");
      await leaving().waitFor({ state: "detached" });
      expect([way, await readSecret(page)]).toEqual([way, secret]);
    }
    // Nothing to close by Esc or by a click beside it: it is no dialog.
    await page.keyboard.press("Escape");
    await page.mouse.click(5, 500);
    expect(await readSecret(page)).toBe(secret);
    // Reloading and closing are asked about by the browser.
    for (const leave of [() => page.evaluate(() => location.reload()), () => page.close({ runBeforeUnload: true })]) {
      const asked = page.waitForEvent("dialog");
      void leave().catch(() => undefined);
      const dialog = await asked;
      expect(dialog.type()).toBe("beforeunload");
      await dialog.dismiss();
      expect(await readSecret(page)).toBe(secret);
    }
    await page.getByRole("link", { name: "Organizations" }).click();
    await leaving().getByRole("button", { name: "Leave anyway" }).click();
    await page.getByRole("heading", { name: "Organizations" }).waitFor();
    // Back and forward lead to an empty form.
    await page.goBack();
    await page.goForward();
    await page.goBack();
    expect(await kept()).not.toContain(secret);
  });

  it("PG-3 is gone after a reload, a way back, in another tab and in a page that the browser kept", async () => {
    await open("/new");
    await makeToken(page, "gone");
    const secret = await readSecret(page);
    const tab = await visit.context.newPage();
    await tab.goto(`${site.url}/new`);
    await tab.getByRole("heading", { name: "New token" }).waitFor();
    expect(await tab.content()).not.toContain("Secret of gone");
    await tab.close();

    // The browser keeps the page in memory for the way back: `pagehide` is the last that the page sees.
    await page.evaluate(() => {
      dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
      dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    });
    await page.getByRole("heading", { name: "New token" }).waitFor();
    expect(await kept()).not.toContain(secret);
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("");

    await makeToken(page, "reloaded");
    const other = await readSecret(page);
    page.once("dialog", (dialog) => void dialog.accept());
    await page.reload();
    await page.getByRole("heading", { name: "New token" }).waitFor();
    expect(await kept()).not.toContain(other);
    await page.goto("about:blank");
    await page.goBack();
    await page.getByRole("heading", { name: "New token" }).waitFor();
    expect(await kept()).not.toContain(other);
  });

  it("PG-4 is hidden again after a minute and behind other windows, and stays at hand", async () => {
    visit = await site.open("alice", "/signed-out");
    page = visit.page;
    await page.clock.install();
    await page.goto(`${site.url}/new`);
    await makeToken(page, "hidden");
    const show = page.getByRole("button", { name: "Show secret" });
    expect(await show.getAttribute("aria-pressed")).toBe("false");
    const masked = await field().inputValue();
    await show.click();
    const secret = await field().inputValue();
    expect([masked.includes("••••"), secret.includes("•")]).toEqual([true, false]);
    // The clock of the page also runs by itself: the steps leave room for a slow machine.
    await page.clock.fastForward(40_000);
    expect(await field().inputValue()).toBe(secret);
    await page.clock.fastForward(21_000);
    await expect.poll(() => field().inputValue()).toBe(masked);
    expect(await show.getAttribute("aria-pressed")).toBe("false");
    await page.clock.fastForward(1_000);
    await expect.poll(() => page.getByRole("status").first().textContent()).toBe("The secret is hidden again.");
    await show.click();
    expect(await field().inputValue()).toBe(secret);
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden" });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await expect.poll(() => field().inputValue()).toBe(masked);
    // An hour later it can still be shown: no timer drops it.
    await page.clock.fastForward(3_600_000);
    await show.click();
    expect(await field().inputValue()).toBe(secret);
  });

  it("PG-38 is no longer in the memory of the page once it is left", async () => {
    await open("/new");
    await makeToken(page, "forgotten");
    const secret = await readSecret(page);
    expect(await memory()).toContain(secret);
    await page.getByRole("checkbox", { name: "I have stored the secret" }).check();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("navigation", { name: "Parts of the token" }).waitFor();
    await expect.poll(async () => (await memory()).includes(secret), { timeout: 20_000 }).toBe(false);
  });

  it("PG-37 is in a field that password managers, spelling checkers and recorders of sessions leave alone", async () => {
    await open("/new");
    await makeToken(page, "left alone");
    expect(await attributesOf(field())).toMatchObject({
      ...{ type: "text", readonly: "", autocomplete: "off", spellcheck: "false", translate: "no" },
      ...leftAlone,
    });
    await finish(page);
    await visit.close();
    visit = await site.open("root", "/operator");
    page = visit.page;
    const entry = page.getByLabel("Secret or its SHA-256");
    await entry.waitFor();
    expect(await attributesOf(entry)).toMatchObject({
      ...{ type: "text", autocomplete: "off", spellcheck: "false" },
      ...leftAlone,
    });
  });

  it("PG-5 is saved as a file of the token's name", async () => {
    await open("/new");
    await makeToken(page, "CI: build/deploy");
    const secret = await readSecret(page);
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe("CI-build-deploy.token.txt");
    expect(await readFile(await download.path(), "utf8")).toBe(`${secret}\n`);
    await finish(page);
  });

  it("PG-6 is copied only where the browser says so: a refusal selects it instead", async () => {
    await open("/new");
    const session = await visit.context.newCDPSession(page);
    const { targetInfo } = await session.send("Target.getTargetInfo");
    const { browserContextId } = targetInfo;
    if (browserContextId === undefined) throw new Error("a window has a context");
    const set = (setting: "denied" | "granted") =>
      session.send("Browser.setPermission", {
        permission: { name: "clipboard-write" },
        setting,
        origin: site.url,
        browserContextId,
      });
    await set("denied");
    await makeToken(page, "denied");
    await page.getByRole("button", { name: "Copy secret" }).click();
    await expectSelected();
    await set("granted");
    await page.getByRole("button", { name: "Copy secret" }).click();
    await page.getByRole("button", { name: "Secret copied" }).waitFor();
    await finish(page);
  });

  it("PG-7 is not lost on a page without TLS, where browsers have no clipboard", async () => {
    await open("/");
    // A proxy that serves the console without TLS under another name, as if that were right.
    const plain = await startPlainName(site.url);
    const [session] = (await visit.context.cookies()).filter(({ name }) => name === "pw_session");
    await visit.close();
    visit = await site.browser.visit({ origins: [plain.url] });
    page = visit.page;
    await visit.context.addCookies([{ name: "pw_session", value: session?.value ?? "", url: plain.url }]);
    await page.goto(`${plain.url}/new`);
    expect(await page.evaluate(() => [isSecureContext, "clipboard" in navigator])).toEqual([false, false]);
    await makeToken(page, "without TLS");
    await page.getByRole("button", { name: "Copy secret" }).click();
    const secret = await expectSelected();
    expect(await site.patwarden.check(secret)).toBe(Reason.ALLOWED);
    await finish(page);
    await plain.stop();
  });

  /** Expects that the copy is said to have failed, and that the secret is selected. Returns it. */
  async function expectSelected(): Promise<string> {
    await page.getByRole("alert").getByText("Your browser did not allow it").waitFor();
    expect(await page.getByRole("button", { name: "Secret copied" }).count()).toBe(0);
    const secret = await field().inputValue();
    expect(secret).not.toContain("•");
    await expect
      .poll(() =>
        field().evaluate((input: HTMLInputElement) => [
          document.activeElement === input,
          input.value.slice(input.selectionStart ?? 0, input.selectionEnd ?? 0),
        ]),
      )
      .toEqual([true, secret]);
    return secret;
  }
});
