import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import {
  type BrowserContext,
  type BrowserContextOptions,
  type ConsoleMessage,
  chromium,
  type Locator,
  type Page,
  type Browser as PlaywrightBrowser,
} from "playwright-core";
import { findProgram } from "./program.js";

const program = findProgram("chromium", "/usr/bin/chromium");

/** How to install the browser, when this machine has none; for the names of skipped tests. */
export const noBrowser = program ? undefined : "no chromium (Debian: apt-get install chromium fonts-inter)";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A real browser, without a window. */
export interface Browser {
  /** Opens an own window with own cookies. It must be closed, or is closed with the browser. */
  visit(options?: VisitOptions): Promise<Visit>;
  close(): Promise<void>;
}

export interface VisitOptions extends BrowserContextOptions {
  /** Origins, such as `http://127.0.0.1:9084`, that may be asked; requests to all others are reported. Default any. */
  readonly origins?: readonly string[];
}

/** A window, and everything that went wrong in it. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /**
   * Violations of the Content-Security-Policy, errors in the console, errors that no code caught, and requests to other
   * origins, in order. Answers with an error status are no problem: pages show them.
   */
  readonly problems: readonly string[];
  /**
   * Returns what axe-core finds wrong for WCAG 2.2 AA, one line each. `within` limits it to a part of the page, `rules`
   * to rules of axe-core.
   */
  inaccessible(within?: string, rules?: readonly string[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Starts a browser. Throws when this machine has none. */
export async function openBrowser(): Promise<Browser> {
  if (!program) throw new Error(noBrowser);
  const browser = await chromium.launch({
    executablePath: program,
    // The sandbox needs a user that is not root.
    args: [
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--font-render-hinting=none",
      // Names of other sites lead to this machine.
      "--host-resolver-rules=MAP *.test 127.0.0.1",
    ],
  });
  return { visit: (options) => visit(browser, options), close: () => browser.close() };
}

async function visit(browser: PlaywrightBrowser, { origins, ...options }: VisitOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...options });
  const problems: string[] = [];
  await context.exposeBinding("patwardenViolation", (_, violation: string) => {
    problems.push(`violation: ${violation}`);
  });
  await context.addInitScript(() => {
    const report = Reflect.get(globalThis, "patwardenViolation") as (violation: string) => void; // exposed above
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sourceFile }) =>
      report(`${effectiveDirective} of ${blockedURI || "inline"} in ${sourceFile}`),
    );
  });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (origins && /^(https?|wss?):$/.test(url.protocol) && !origins.includes(url.origin)) {
      problems.push(`foreign request: ${url.origin}`);
    }
  });
  context.on("console", (message) => {
    if (isError(message)) problems.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => problems.push(`uncaught: ${error.error().message}`));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return {
    page,
    context,
    problems,
    inaccessible: (within, rules) => inaccessible(page, within, rules),
    close: () => context.close(),
  };
}

function isError(message: ConsoleMessage): boolean {
  return message.type() === "error" && !message.text().startsWith("Failed to load resource:");
}

interface AxeViolation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly target: readonly unknown[]; readonly failureSummary?: string }[];
}

async function inaccessible(
  page: Page,
  within = "html",
  rules: readonly string[] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
): Promise<readonly string[]> {
  // By the debugger, which the page's policy does not hold; a script element would be blocked.
  await page.evaluate(axeSource);
  const violations = await page.evaluate(
    async ([context, runOnly]): Promise<AxeViolation[]> => {
      const axe = Reflect.get(globalThis, "axe") as {
        run(...args: unknown[]): Promise<{ violations: AxeViolation[] }>;
      };
      return (await axe.run(context, { runOnly, resultTypes: ["violations"] })).violations;
    },
    [within, rules] as const,
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = "" }) =>
      `${id}: ${help}: ${target.join(" ")} ${failureSummary.replaceAll(/\s+/g, " ")}`.trim(),
    ),
  );
}

/** Returns the names of the elements that Tab reaches from the top of the page, in order; at most `limit`. */
export async function tabOrder(page: Page, limit = 100): Promise<readonly string[]> {
  const names: string[] = [];
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  while (names.length < limit) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => {
      let active = document.activeElement;
      while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
      if (!active || active === document.body) return undefined;
      return (
        active.getAttribute("aria-label") ??
        (active.textContent?.trim() || active.getAttribute("name") || active.tagName)
      );
    });
    if (name === undefined) break;
    names.push(name);
  }
  return names;
}

/** Returns whether the page is wider than its window: pages must not scroll sideways. */
export async function overflows(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}

export type { Locator, Page };
