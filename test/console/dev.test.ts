import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Browser, noBrowser, openBrowser, type Visit } from "../kit/browser.js";
import { onFreePorts } from "../kit/dev.js";
import { runPatwarden, type Started } from "../kit/server.js";

describe.skipIf(noBrowser)(`the pages of patwarden dev${noBrowser ? `: ${noBrowser}` : ""}`, () => {
  const directory = mkdtempSync(join(tmpdir(), "patwarden-dev-"));
  let dev: Started;
  let browser: Browser;
  let ready: Readonly<Record<"console" | "issuer" | "sample" | "public_http", string>>;

  beforeAll(async () => {
    const readyFile = join(directory, "ready.json");
    dev = runPatwarden(["dev", "--ephemeral", "--examples", ...onFreePorts, "--ready-file", readyFile]);
    browser = await openBrowser();
    const ended = () => expect(existsSync(readyFile) || dev.child.exitCode !== null).toBe(true);
    await vi.waitFor(ended, { timeout: 60_000, interval: 50 });
    if (!existsSync(readyFile)) throw new Error(dev.log());
    ready = JSON.parse(readFileSync(readyFile, "utf8"));
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    await dev?.stop();
    rmSync(directory, { recursive: true });
  }, 30_000);

  const choose = ({ page }: Visit, name: RegExp) => page.getByRole("button", { name }).click();
  const dark = { colorScheme: "dark" } as const;

  it.each([{}, dark])(
    "sign in by one click, and everybody can read them: %o",
    async (scheme) => {
      const visit = await browser.visit({ ...scheme, origins: [ready.console, ready.issuer] });
      await visit.page.goto(`${ready.console}/sign-in`);
      await visit.page.getByRole("heading", { name: "Sign in to Patwarden" }).waitFor();
      expect(await visit.inaccessible()).toEqual([]);
      await choose(visit, /Alice/);
      await visit.page.getByText("Nightly backup").first().waitFor();
      expect(new URL(visit.page.url()).origin).toBe(ready.console);
      expect(visit.problems).toEqual([]);
      await visit.close();
    },
    60_000,
  );

  it.each([{}, dark])(
    "show the element in a page of a product, under a strict policy: %o",
    async (scheme) => {
      const visit = await browser.visit({ ...scheme, origins: [ready.sample, ready.issuer, ready.public_http] });
      await visit.page.goto(`${ready.sample}/settings`);
      await choose(visit, /Alice/);
      await visit.page.getByText("Nightly backup").first().waitFor();
      expect(new URL(visit.page.url()).href).toBe(`${ready.sample}/settings`);
      // In the colours of the scheme that the page has chosen.
      const ground = await visit.page
        .getByRole("button", { name: "New token" })
        .evaluate((button) => getComputedStyle(button).backgroundColor);
      expect(ground).toBe(scheme === dark ? "rgb(147, 169, 255)" : "rgb(52, 84, 200)");
      expect(await visit.inaccessible()).toEqual([]);
      expect(visit.problems).toEqual([]);
      await visit.close();
    },
    60_000,
  );
});
