import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { noBrowser, type Visit } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";

/*
 * Pages of other sites in the browser of somebody who is signed in. Cookies ignore ports: a page at another port of the
 * same host gets the browser to send the session's cookie, SameSite=Strict or not.
 */

let site: ConsolePage;
let other: Server;
let port = 0;
let visit: Visit;
beforeAll(async () => {
  if (noBrowser) return;
  site = await startConsolePage();
  other = createServer((_, response) => {
    // Any page may read it.
    const headers = { "content-type": "text/html", "access-control-allow-origin": "*" };
    response.writeHead(200, headers).end("<!doctype html><title>Other</title><body></body>");
  }).listen(0, "127.0.0.1");
  await once(other, "listening");
  port = (other.address() as AddressInfo).port; // a TCP server has a port
  visit = await site.open("alice", "/", {
    origins: [site.url, new URL(site.issuer.url).origin, ...hosts.map((host) => `http://${host}:${port}`)],
  });
  await visit.page.getByRole("heading", { name: "My tokens" }).waitFor();
});
afterAll(async () => {
  await visit?.close();
  other?.closeAllConnections();
  other?.close();
  await site?.stop();
});

const hosts = ["127.0.0.1", "localhost", "evil.test"] as const;
const service = `/${TokenService.typeName}`;
const body = JSON.stringify({
  name: "forged",
  grant: { full: true },
  requestId: "3d7a3c0e-8f43-4a7b-9d0a-1f0d7b2a9c55",
});

describe.skipIf(noBrowser).each(hosts)(
  `a page at another port of %s${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`,
  (host) => {
    const at = async () => {
      const tab = await visit.context.newPage();
      await tab.goto(`http://${host}:${port}/`);
      return tab;
    };
    const count = () => site.patwarden.countTokens();

    it("PG-16 gets no call through with the session of the person, and reads no answer", async () => {
      const before = await count();
      const calls = site.address.count("/CreateToken");
      const tab = await at();
      const results = await tab.evaluate(
        async ([url, sent]) => {
          const attempts: readonly RequestInit[] = [
            { headers: { "content-type": "application/json", "connect-protocol-version": "1" } },
            { headers: { "content-type": "application/json" } },
            { headers: { "content-type": "text/plain" } },
            { mode: "no-cors", headers: { "content-type": "text/plain" } },
            { mode: "no-cors", headers: { "content-type": "application/x-www-form-urlencoded" } },
          ];
          return Promise.all(
            attempts.map((init) =>
              fetch(`${url}/CreateToken`, { method: "POST", credentials: "include", body: sent ?? "", ...init }).then(
                (response) => response.type,
                () => "refused",
              ),
            ),
          );
        },
        [`${site.url}${service}`, body] as const,
      );
      expect(results).toEqual(["refused", "refused", "refused", "refused", "refused"]);
      // Three need no permission, so they were sent; to the same host with the session's cookie.
      expect(site.address.count("/CreateToken") - calls).toBeGreaterThanOrEqual(3);
      const cookies = site.address.cookies("/CreateToken").slice(calls);
      expect(cookies.some((cookie) => cookie.includes("pw_session="))).toBe(host === "127.0.0.1");
      const read = await tab.evaluate(
        (url) =>
          fetch(url, { credentials: "include" }).then(
            (answer) => answer.text(),
            () => "refused",
          ),
        `${site.url}${service}/ListTokens?connect=v1&encoding=json&message=%7B%7D`,
      );
      expect(read).toBe("refused");
      expect(await count()).toBe(before);
      await tab.close();
    });

    it("PG-16 posts no form that does anything, and signs nobody out", async () => {
      const before = await count();
      for (const [path, type] of [
        [`${service}/CreateToken`, "text/plain"],
        [`${service}/CreateToken`, "application/x-www-form-urlencoded"],
        ["/sign-out", "application/x-www-form-urlencoded"],
      ] as const) {
        const tab = await at();
        const answered = tab.waitForResponse((response) => response.url() === `${site.url}${path}`);
        await tab.evaluate(
          ([action, enctype, text]) => {
            const form = Object.assign(document.createElement("form"), { method: "post", action, enctype });
            // With text/plain, the body is NAME=VALUE: valid JSON, if the name ends within a string.
            const input = document.createElement("input");
            input.name = `${text.slice(0, -1)},"description":"`;
            input.value = '"}';
            form.append(input);
            document.body.append(form);
            form.submit();
          },
          [`${site.url}${path}`, type, body] as const,
        );
        expect([path, (await answered).status()]).toEqual([path, path === "/sign-out" ? 403 : 415]);
        await tab.close();
      }
      expect(await count()).toBe(before);
      await visit.page.reload();
      await visit.page.getByRole("heading", { name: "My tokens" }).waitFor();
    });

    it("PG-17 shows the console in no frame, and holds no window of it", async () => {
      const tab = await at();
      const problems: string[] = [];
      tab.on("console", (message) => problems.push(message.text()));
      await tab.evaluate((url) => {
        const frame = Object.assign(document.createElement("iframe"), { src: url });
        document.body.append(frame);
      }, `${site.url}/`);
      await expect.poll(() => problems.join("\n")).toMatch(/frame-ancestors|X-Frame-Options/i);
      const opened = tab.waitForEvent("popup");
      await tab.evaluate((url) => {
        Reflect.set(window, "opened", window.open(url));
      }, `${site.url}/`);
      const popup = await opened;
      await popup.waitForURL(`${site.url}/`);
      await popup.getByRole("heading", { level: 1 }).waitFor();
      // Cross-Origin-Opener-Policy cuts the two windows apart.
      await expect.poll(() => tab.evaluate(() => (Reflect.get(window, "opened") as Window).closed)).toBe(true);
      expect(await popup.evaluate(() => window.opener === null)).toBe(true);
      await popup.close();
      await tab.close();
    });

    it("PG-18 starts no sign-in but by leading the whole tab there", async () => {
      const tab = await at();
      const begun = site.address.count("/sign-in");
      await tab.evaluate((url) => {
        document.body.append(
          Object.assign(new Image(), { src: url }),
          Object.assign(document.createElement("iframe"), { src: url }),
        );
        return fetch(url, { mode: "no-cors", credentials: "include" }).catch(() => undefined);
      }, `${site.url}/sign-in`);
      await expect.poll(() => site.address.count("/sign-in") - begun).toBe(3);
      const cookies = await visit.context.cookies(site.url);
      expect(cookies.map(({ name }) => name)).toEqual(["pw_session"]);
      await tab.goto(`${site.url}/sign-in?return=/new`);
      await tab.getByRole("heading", { name: "New token" }).waitFor();
      await tab.close();
    });
  },
);

describe.skipIf(noBrowser)("the page's own policy", () => {
  it("PG-19 runs no script that somebody writes into it, and makes no HTML of a name", async () => {
    const name = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202e</bdi>';
    await site.patwarden.createToken({ name: "hostile", description: name.replace("\u202e", "") });
    const own = await site.open("alice", "/?q=hostile");
    const { page, problems } = own;
    await page.getByRole("link", { name: "hostile" }).click();
    await page.getByText('<img src=x onerror="document.title=1">').waitFor();
    expect(await page.locator("img, main script").count()).toBe(0);
    expect(problems).toEqual([]);
    const tried = await page.evaluate(async (elsewhere) => {
      const refused = (run: () => unknown): string => {
        try {
          run();
          return "done";
        } catch (error) {
          return error instanceof Error ? error.name : "?";
        }
      };
      const html = refused(() => {
        document.body.innerHTML += "<p>written</p>";
      });
      const script = refused(() => document.createElement("script").setAttribute("src", "data:,1"));
      // Later: what the debugger itself calls is not held by the policy.
      const evaluated = await new Promise((resolve) =>
        setTimeout(() => resolve(refused(() => Reflect.get(globalThis, "eval")("1")))),
      );
      const inline = document.createElement("style");
      inline.textContent = "body { display: none }";
      document.head.append(inline);
      const sent = await fetch(elsewhere).then(
        () => "sent",
        () => "refused",
      );
      return { html, script, evaluated, styled: getComputedStyle(document.body).display, sent, title: document.title };
    }, `http://evil.test:${port}/`);
    expect(tried).toMatchObject({ html: "TypeError", evaluated: "EvalError", sent: "refused" });
    expect(tried.title).not.toMatch(/^[12]$/);
    expect(tried.styled).not.toBe("none");
    // A script in the page as the server sends it.
    await page.route(`${site.url}/new`, async (route) => {
      const response = await route.fetch();
      const { "content-encoding": _encoding, "content-length": _length, ...headers } = response.headers();
      const text = (await response.text()).replace("<body>", "<body><script>globalThis.inline = true;</script>");
      await route.fulfill({ status: 200, headers, body: text });
    });
    await page.goto(`${site.url}/new`);
    await page.getByRole("heading", { name: "New token" }).waitFor();
    expect(await page.evaluate(() => Reflect.get(globalThis, "inline"))).toBeUndefined();
    const violations = problems.filter((problem) => problem.startsWith("violation")).join("\n");
    for (const directive of [
      "require-trusted-types-for",
      "style-src-elem of inline",
      "connect-src",
      "script-src-elem of inline",
    ])
      expect(violations).toContain(directive);
    await own.close();
  });
});
