import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Browser, noBrowser, openBrowser, overflows, tabOrder, type Visit } from "./browser.js";

describe.skipIf(noBrowser)(`the browser of the tests${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  let server: Server;
  let origin: string;
  let browser: Browser;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const page = pages[new URL(request.url ?? "/", "http://x").pathname] ?? "<title>empty</title>";
      response.writeHead(200, {
        "content-type": "text/html",
        "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src *",
      });
      response.end(`<!doctype html><html lang="en">${page}`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const pages: Readonly<Record<string, string>> = {
    "/good": "<title>Good</title><main><h1>Good</h1><button>Go</button><a href='#x'>There</a></main>",
    "/inline": "<title>Inline</title><main><h1>Inline</h1><script>document.title = 'ran'</script></main>",
    "/foreign": "<title>Foreign</title><main><h1>Foreign</h1><img alt='' src='http://127.0.0.2:9/x.png'></main>",
    "/unnamed": "<title>Unnamed</title><main><h1>Unnamed</h1><button></button></main>",
  };

  async function open(path: string): Promise<Visit> {
    const visit = await browser.visit({ origins: [origin], viewport: { width: 320, height: 600 } });
    await visit.page.goto(`${origin}${path}`);
    return visit;
  }

  it("finds no problem in a good page", async () => {
    const visit = await open("/good");
    expect(await visit.inaccessible()).toEqual([]);
    expect(visit.problems).toEqual([]);
    expect(await overflows(visit.page)).toBe(false);
    expect(await tabOrder(visit.page)).toEqual(["Go", "There"]);
  });

  it("reports scripts that the policy blocks", async () => {
    const { problems, page } = await open("/inline");
    await expect.poll(() => problems.join("\n")).toMatch(/violation: script-src-elem of inline/);
    expect(await page.title()).toBe("Inline");
  });

  it("reports requests to other origins", async () => {
    const { problems } = await open("/foreign");
    expect(problems).toContain("foreign request: http://127.0.0.2:9");
  });

  it("reports a button without a name", async () => {
    const visit = await open("/unnamed");
    expect((await visit.inaccessible()).join("\n")).toMatch(/^button-name: /);
  });
});
