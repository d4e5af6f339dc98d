import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type Locator, noBrowser, type Page, type Visit, type VisitOptions } from "../kit/browser.js";
import { fillForm, makeToken, readSecret } from "./element-steps.js";
import { documented, type HostPage, type HostSite, startHostSite } from "./host-site.js";

const tag = '<patwarden-tokens base-url="https://tokens.example.com"></patwarden-tokens>';
const signedIn = `
globalThis.getAccessToken = async () => {
  const answer = await fetch("/access-token");
  if (!answer.ok) throw new Error("signed out: secret of the host");
  return answer.text();
};
for (const each of document.querySelectorAll("patwarden-tokens")) each.getAccessToken = getAccessToken;
globalThis.seen = [];
for (const name of ["created", "rotated", "revoked", "sign-in-needed", "step-up"])
  document.addEventListener("patwarden-" + name, ({ type, detail }) => seen.push({ type, detail }));
`;
const plain: HostPage = {
  body: tag,
  files: { "main.js": 'import "./host.js"; import "patwarden/elements";', "host.js": signedIn },
};

/** Keeps the names of what observes or listens to the document or window in `living`. */
const counted = `
const all = new Map();
globalThis.living = { [Symbol.iterator]: () => all.values() };
for (const target of [window, document]) {
  const { addEventListener, removeEventListener } = target;
  target.addEventListener = (type, listener, options) => {
    all.set(listener, type);
    addEventListener.call(target, type, listener, options);
  };
  target.removeEventListener = (type, listener, options) => {
    all.delete(listener);
    removeEventListener.call(target, type, listener, options);
  };
}
const { observe, disconnect } = MutationObserver.prototype;
MutationObserver.prototype.observe = function (...parameters) {
  all.set(this, "observer");
  observe.apply(this, parameters);
};
MutationObserver.prototype.disconnect = function () {
  all.delete(this);
  disconnect.apply(this);
};
`;

describe.skipIf(noBrowser)(`the element${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  let site: HostSite;
  beforeAll(async () => {
    site = await startHostSite();
  });
  afterAll(() => site?.stop());

  /** Opens a page, hands it over, and expects that nothing went wrong in it. */
  async function visiting(
    page: HostPage,
    use: (element: Locator, page: Page, visit: Visit) => Promise<void>,
    options?: VisitOptions,
  ): Promise<void> {
    site.user = "alice";
    const visit = await site.open(page, options);
    await use(visit.page.locator("patwarden-tokens").first(), visit.page, visit);
    expect(visit.problems).toEqual([]);
    await visit.close();
  }
  const run = (page: Page, code: string): Promise<unknown> => page.evaluate(`(() => { ${code} })()`);
  const theElement = 'const element = document.querySelector("patwarden-tokens");';
  const laptop = (element: Locator) => element.getByText("laptop", { exact: true }).first();
  const tokensOf = async (subject: string, name: string) =>
    (await site.patwarden.ask(TokenService.method.listTokens, { subject, pageSize: 1000 })).tokens.filter(
      (token) => token.name === name,
    );

  it.each([
    ["before", 'import "./host.js"; import "patwarden/elements";'],
    ["after", 'import "patwarden/elements"; import "./host.js";'],
  ])("takes properties that are set %s it is loaded", async (_, main) => {
    const address = `Object.assign(document.querySelector("patwarden-tokens"),
      { baseUrl: "https://tokens.example.com", subject: "" });`;
    const files = { "main.js": main, "host.js": signedIn + address };
    await visiting({ body: "<patwarden-tokens></patwarden-tokens>", files }, async (element, page) => {
      await laptop(element).waitFor();
      // Later changes take effect too.
      await run(page, `${theElement} element.subject = "user:bob";`);
      await element.getByRole("heading", { name: "Tokens of user:bob" }).waitFor();
    });
  });

  it("appears as soon as it may call, without a reload", async () => {
    await visiting({ body: tag, files: { "main.js": 'import "patwarden/elements";' } }, async (element, page) => {
      await element.getByText("You are signed out").waitFor();
      await run(page, signedIn);
      await laptop(element).waitFor();
    });
  });

  it("keeps a form when it is moved, and starts again when it is removed and put back", async () => {
    await visiting({ ...plain, body: `${tag}<section></section>` }, async (element, page) => {
      await fillForm(element, "moved");
      await run(page, `${theElement} document.querySelector("section").append(element);`);
      expect(await element.getByLabel("Name", { exact: true }).inputValue()).toBe("moved");
      await run(page, `${theElement} globalThis.kept = element; element.remove();`);
      await expect.poll(() => run(page, "return kept.shadowRoot.textContent")).toBe("");
      await run(page, "document.body.append(kept);");
      await element.getByRole("button", { name: "Create token" }).waitFor();
      await element.getByRole("button", { name: "Cancel" }).click();
      await laptop(element).waitFor();
    });
  });

  it("drops a secret when it is removed", async () => {
    await visiting(plain, async (element, page) => {
      await fillForm(element, "removed");
      await element.getByRole("button", { name: "Create token" }).click();
      await element.getByRole("button", { name: "Show secret" }).click();
      await run(page, `${theElement} globalThis.kept = element; element.remove();`);
      await expect.poll(() => run(page, "return kept.shadowRoot.querySelectorAll('input').length")).toBe(0);
      await run(page, "document.body.append(kept);");
      await element.getByLabel("Name", { exact: true }).waitFor();
      expect(await run(page, "return kept.shadowRoot.innerHTML")).not.toContain("pw_pat_");
    });
  });

  it("leaves no observer and no listener in the page when it is removed", async () => {
    const main = 'import "./counted.js"; import "./host.js"; import "patwarden/elements";';
    const files = { ...plain.files, "main.js": main, "counted.js": counted };
    await visiting({ ...plain, files }, async (element, page) => {
      await laptop(element).waitFor();
      const living = async () => ((await run(page, "return [...living];")) as readonly string[]).toSorted();
      const before = await living();
      expect(before).toContain("observer");
      await fillForm(element, "no trace");
      await element.getByRole("button", { name: "Create token" }).click();
      await element.getByRole("button", { name: "Show secret" }).click();
      const whileShown = ["beforeunload", "pagehide", "visibilitychange"];
      expect(await living()).toEqual(expect.arrayContaining(whileShown));
      await run(page, `${theElement} element.remove();`);
      const ofHost = before.filter((name) => name.startsWith("patwarden-"));
      await expect.poll(living).toEqual(ofHost);
    });
  });

  it("stands twice on a page, each with its own tokens and language", async () => {
    const body = `${tag}${tag.replace("base-url", 'lang="de" base-url')}`;
    await visiting({ ...plain, body }, async (element, page, visit) => {
      const second = page.locator("patwarden-tokens").nth(1);
      await element.getByRole("button", { name: "New token" }).first().waitFor();
      await second.getByRole("button", { name: "Neues Token" }).first().click();
      await laptop(element).waitFor();
      await second.getByLabel("Name", { exact: true }).waitFor();
      expect(await visit.inaccessible()).toEqual([]);
    });
  });

  it("follows the language of the page, and keeps what was entered", async () => {
    await visiting(plain, async (element, page) => {
      await fillForm(element, "polyglot");
      await run(page, 'document.documentElement.lang = "de-AT";');
      await element.getByRole("button", { name: "Abbrechen" }).waitFor();
      expect(await element.getByLabel("Name", { exact: true }).inputValue()).toBe("polyglot");
      // The browser is British, and the page only says that it is English.
      await run(page, `${theElement} element.lang = "en";`);
      await element
        .getByText(/^\d+ [A-Z][a-z]+ 20\d\d/)
        .first()
        .waitFor();
      await element.getByRole("button", { name: "Cancel" }).waitFor();
      await run(page, `${theElement} element.removeAttribute("lang"); document.documentElement.lang = "en";`);
      await element.getByRole("button", { name: "Cancel" }).waitFor();
    });
  });

  it("asks to sign in where the host has no access token, and never shows why", async () => {
    await visiting(plain, async (element, page) => {
      await laptop(element).waitFor();
      site.user = undefined;
      await run(page, `${theElement} element.reload();`);
      await element.getByRole("button", { name: "Sign in" }).click();
      expect(await page.evaluate("seen.map(({ type }) => type)")).toEqual(["patwarden-sign-in-needed"]);
      expect(await run(page, `${theElement} return element.shadowRoot.innerHTML`)).not.toContain("secret of the host");
      site.user = "alice";
      await element.getByRole("button", { name: "Try again" }).click();
      await laptop(element).waitFor();
    });
  });

  it("keeps the form while the access token is over, and makes the token once it is back", async () => {
    await visiting(plain, async (element) => {
      await fillForm(element, "after sign-in");
      site.user = undefined;
      await element.getByRole("button", { name: "Create token" }).click();
      await element.getByRole("button", { name: "Sign in" }).waitFor();
      site.user = "alice";
      await element.getByRole("button", { name: "Create token" }).click();
      const secret = await readSecret(element, "after sign-in");
      expect(await site.patwarden.check(secret)).toBe(Reason.ALLOWED);
    });
  });

  it("waits for a slow access token no longer than for a call", async () => {
    await visiting(plain, async (element, page) => {
      await page.clock.install();
      await run(page, `${theElement} element.getAccessToken = () => new Promise(() => {}); element.reload();`);
      await element.getByText("Loading").waitFor();
      await page.clock.runFor(20_000);
      await element.getByText("The page cannot reach its server").waitFor();
      await run(page, `${theElement} element.getAccessToken = globalThis.getAccessToken;`);
      await element.getByRole("button", { name: "Try again" }).click();
      await page.clock.runFor(1_000);
      await laptop(element).waitFor();
    });
  });

  it("keeps a new secret where it belongs when the host switches the subject during the call", async () => {
    const acme = "organization:acme";
    await visiting(plain, async (element, page) => {
      await laptop(element).waitFor();
      site.user = "bob";
      await run(page, `${theElement} element.reload();`);
      await fillForm(element, "switched");
      let answer = (): void => undefined;
      await page.route("**/CreateToken", async (route) => {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        await route.continue();
      });
      const asked = page.waitForRequest("**/CreateToken");
      await element.getByRole("button", { name: "Create token" }).click();
      await asked;
      await run(page, `${theElement} element.subject = "${acme}";`);
      await expect.poll(() => answer).not.toBe(undefined);
      answer();
      const secret = await readSecret(element, "switched");
      expect(secret).toMatch(/^pw_pat_/);
      expect(await tokensOf("user:bob", "switched")).toHaveLength(1);
      expect(await tokensOf(acme, "switched")).toHaveLength(0);
      await element.getByRole("heading", { name: "Tokens of organization:acme" }).waitFor();
    });
  });

  it("starts at the list of another subject, and never shows the one before", async () => {
    await visiting(plain, async (element, page) => {
      site.user = "bob";
      await run(page, `${theElement} element.reload();`);
      await fillForm(element, "of bob");
      await run(page, `${theElement} element.subject = "organization:acme";`);
      await element.getByRole("heading", { name: "Tokens of organization:acme" }).waitFor();
      expect(await element.getByLabel("Name", { exact: true }).count()).toBe(0);
    });
  });

  it("works through a backend of the host's", async () => {
    const source = documented("js", "// backend.js");
    const { passOn } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
    process.env["PATWARDEN_URL"] = site.patwarden.server.http;
    process.env["PATWARDEN_KEY"] = site.serviceKey;
    site.backend = passOn;
    const csrf = documented("js", "// csrf.js").replace(
      'document.querySelector("meta[name=csrf-token]").content',
      '"1"',
    );
    const body = '<patwarden-tokens base-url="/patwarden"></patwarden-tokens>';
    const page = { body, files: { "main.js": 'import "./csrf.js"; import "patwarden/elements";', "csrf.js": csrf } };
    await visiting(page, async (element, opened) => {
      const sent = opened.waitForRequest("**/GetCaller");
      await opened.reload();
      expect((await sent).headers()).toMatchObject({ "x-csrf-token": "1" });
      expect((await sent).headers()["authorization"]).toBeUndefined();
      const secret = await makeToken(element, "by backend");
      expect(await site.patwarden.check(secret)).toBe(Reason.ALLOWED);
    });
    // Other sites can send the first along with a cookie; the others are not for users.
    for (const [path, headers] of [
      ["TokenService/ListTokens", {}],
      ["AuthorizationService/Check", { "connect-protocol-version": "1" }],
      ["TokenService/../AuthorizationService/Check", { "connect-protocol-version": "1" }],
    ] as const) {
      const init = { method: "POST", body: "{}", headers: { "content-type": "application/json", ...headers } };
      expect([path, (await fetch(`${site.url}/patwarden/patwarden.v1.${path}`, init)).status]).toEqual([path, 404]);
    }
    site.backend = undefined;
  });

  it("offers the host's own names of resources", async () => {
    const files = {
      ...plain.files,
      "main.js": 'import "./host.js"; import "./names.js"; import "patwarden/elements";',
    };
    const names = documented("js", "// resources.js");
    site.backend = async () => Response.json([{ id: "roadmap", title: "The road ahead" }]);
    await visiting({ ...plain, files: { ...files, "names.js": names } }, async (element) => {
      await element.getByRole("button", { name: "New token" }).first().click();
      await element.getByRole("button", { name: "Add document" }).click();
      await element.getByLabel("viewer", { exact: true }).check();
      await element.getByRole("combobox", { name: /^Search document/ }).fill("road");
      await element.getByRole("option", { name: /The road ahead/ }).click();
      await element.getByText("document roadmap: viewer").waitFor();
    });
    site.backend = undefined;
  });

  it("works in a modal dialog of the host's, and gives the focus back there", async () => {
    const body = `<button id="open">Open</button><dialog aria-label="Settings"><button id="last">Close</button>${tag}</dialog>`;
    const trap = 'document.querySelector("#open").onclick = () => document.querySelector("dialog").showModal();';
    const files = { ...plain.files, "host.js": signedIn + trap };
    await visiting({ body, files }, async (element, page, visit) => {
      await page.getByRole("button", { name: "Open" }).click();
      await laptop(element).waitFor();
      expect(await run(page, `${theElement} return element.getBoundingClientRect().width`)).toBe(320);
      await run(page, 'document.querySelector("dialog").style.width = "60rem";');
      expect(await visit.inaccessible()).toEqual([]);
      await element.getByRole("button", { name: "Actions for laptop" }).click();
      await element.getByRole("button", { name: "Revoke" }).last().click();
      await element.getByLabel("Type the token's name to confirm").fill("lap");
      await page.keyboard.press("Escape");
      await expect.poll(() => element.getByRole("dialog").count()).toBe(0);
      // Escape has closed the inner dialog alone, and the focus is where it was.
      expect(await run(page, 'return document.querySelector("dialog").open')).toBe(true);
      const focused = await run(page, `${theElement} return element.shadowRoot.activeElement?.ariaLabel`);
      expect(focused).toBe("Actions for laptop");
    });
  });

  it("is dark where the host is, and takes its colours, font and parts", async () => {
    const style = `body { color-scheme: dark; background: #101010; color: #ddd; font: 16px monospace; }
      ${documented("css", "/* settings.css */")}`;
    await visiting({ ...plain, style }, async (element, page, visit) => {
      await laptop(element).waitFor();
      const looks = await run(
        page,
        `${theElement}
        const of = (selector) => getComputedStyle(element.shadowRoot.querySelector(selector));
        return [of(".button.main").backgroundColor, of(".button.main").textTransform, of(".pw").fontFamily, of(".pw").color];`,
      );
      expect(looks).toEqual(["rgb(244, 184, 96)", "uppercase", "monospace", "rgb(232, 234, 238)"]);
      expect(await visit.inaccessible()).toEqual([]);
    });
  });
});

describe.skipIf(noBrowser)(
  `the element where a fresh sign-in is needed${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`,
  () => {
    it("tells the host which sign-in, and makes the token of the same form after it", async () => {
      const site = await startHostSite({ stepUp: { step_up: { max_age: "10m" } } });
      site.signedInAgo = 3_600;
      const visit = await site.open(plain);
      const element = visit.page.locator("patwarden-tokens");
      await fillForm(element, "fresh");
      await element.getByRole("button", { name: "Create token" }).click();
      await element.getByText("For this you must sign in again. Then press the button once more.").waitFor();
      const detail = { maxAge: 600, acrValues: [] };
      expect(await visit.page.evaluate("seen")).toEqual([{ type: "patwarden-step-up", detail }]);
      site.signedInAgo = 0;
      await element.getByRole("button", { name: "Create token" }).click();
      expect(await site.patwarden.check(await readSecret(element, "fresh"))).toBe(Reason.ALLOWED);
      // The form has made its token: it is not offered for another one.
      await element.getByRole("button", { name: "My tokens" }).click();
      await element.getByRole("button", { name: "New token" }).click();
      expect(await element.getByLabel("Name", { exact: true }).inputValue()).toBe("");
      expect(visit.problems).toEqual([]);
      await site.stop();
    });
  },
);
