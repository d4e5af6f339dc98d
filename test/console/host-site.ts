import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";
import { compileScript, parse } from "vue/compiler-sfc";
import { openBrowser, type Visit, type VisitOptions } from "../kit/browser.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { hashOf, newKey } from "../kit/server.js";

const element = fileURLToPath(new URL("../../dist/elements/patwarden-tokens.js", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** A page of the host's: its HTML, the files that it loads, and what its policy allows beyond the strictest. */
export interface HostPage {
  /** The content of the body. Default: an empty `<div id="app">`. */
  readonly body?: string;
  /** The content of style sheets of the host's. */
  readonly style?: string;
  /** The source of the entry, in which imports of packages work. `.tsx` is React, `.vue` a component. */
  readonly files: Readonly<Record<string, string>>;
  /** Names of Trusted Types policies that a framework makes. Default: none at all. */
  readonly trustedTypes?: string;
}

/** A company's own site, with the element in its pages. */
export interface HostSite {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly patwarden: Patwarden;
  readonly issuer: TestIssuer;
  /** Who is signed in at the host; undefined: nobody. */
  user: string | undefined;
  /** How long ago the user has signed in, in seconds. Default 0. */
  signedInAgo: number;
  /** Answers requests that no page is for, like a backend of the host's. */
  backend: ((request: Request, accessToken: string) => Promise<Response>) | undefined;
  /** A key of the host's backend, with the permission `tokens.behalf`. */
  readonly serviceKey: string;
  /** Replaces the address of the documentation by that of this Patwarden. */
  here(text: string): string;
  /** Opens a page at `/settings`; `main` is its entry. The test must close it. */
  open(page: HostPage, options?: VisitOptions): Promise<Visit>;
  stop(): Promise<void>;
}

export interface HostSiteSettings {
  /** `step_up` of the issuer, inside `{ step_up: … }`. Default: none. */
  readonly stepUp?: object;
}

/** Starts the host's site, Patwarden, the provider that signs people in, and the browser. */
export async function startHostSite({ stepUp = {} }: HostSiteSettings = {}): Promise<HostSite> {
  const files = new Map<string, { readonly type: string; readonly body: string }>();
  let policy = "";
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? "/", "http://host").pathname;
    const file = files.get(path);
    if (file) {
      response.writeHead(200, { "content-type": file.type, "content-security-policy": policy }).end(file.body);
    } else if (path === "/access-token" && site.user !== undefined) {
      const authTime = Math.floor(Date.now() / 1000) - site.signedInAgo;
      response.end(await issuer.sign({ sub: site.user, auth_time: authTime }));
    } else if (site.backend && site.user !== undefined) {
      const answer = await site.backend(await asFetched(request), await issuer.sign({ sub: site.user }));
      response
        .writeHead(answer.status, Object.fromEntries(answer.headers))
        .end(Buffer.from(await answer.arrayBuffer()));
    } else {
      response.writeHead(site.user === undefined ? 401 : 404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const serviceKey = newKey();
  const [issuer, browser] = await Promise.all([startTestIssuer(), openBrowser()]);
  const patwarden = await startPatwarden({
    callers: [{ name: "settings", key_sha256: [hashOf(serviceKey)], permissions: ["tokens.behalf"] }],
    config: {
      issuers: [{ issuer: issuer.url, audiences: [issuer.audience], ...stepUp }],
      public_http: { listen: "127.0.0.1:0", origins: [url] },
    },
  });
  const { publicHttp } = patwarden.server;
  const site: HostSite = {
    url,
    patwarden,
    issuer,
    user: "alice",
    signedInAgo: 0,
    backend: undefined,
    serviceKey,
    here: (text) => text.replaceAll("https://tokens.example.com", publicHttp),
    async open({ body = '<div id="app"></div>', style = "", files: sources, trustedTypes = "'none'" }, options) {
      policy = [
        ...["default-src 'none'", "script-src 'self'", "style-src 'self'", `connect-src 'self' ${publicHttp}`],
        ...["base-uri 'none'", "require-trusted-types-for 'script'", `trusted-types ${trustedTypes}`],
      ].join("; ");
      files.clear();
      for (const [name, code] of await built(sources)) files.set(`/${name}`, { type: "text/javascript", body: code });
      files.set("/style.css", { type: "text/css", body: style });
      files.set("/settings", {
        type: "text/html; charset=utf-8",
        body: site.here(`<!doctype html><html lang="en"><head><title>Settings</title>
<link rel="stylesheet" href="/style.css">
<script type="module" src="/main.js"></script></head><body><main><h1>Settings</h1>${body}</main></body></html>`),
      });
      const visit = await browser.visit({ origins: [url, publicHttp], ...options });
      await visit.page.goto(`${url}/settings`);
      return visit;
    },
    async stop() {
      await browser.close();
      await patwarden.stop();
      await issuer.stop();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return site;

  /** Builds the entry `main.js`, as hosts do, with the element as the package gives it. */
  async function built(sources: HostPage["files"]): Promise<readonly (readonly [string, string])[]> {
    const result = await build({
      root,
      configFile: false,
      logLevel: "error",
      resolve: { alias: { "patwarden/elements": element } },
      define: { "process.env.NODE_ENV": '"production"', __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
      oxc: { jsx: { runtime: "automatic", importSource: "react", development: false } },
      plugins: [fromMemory(sources, site.here)],
      build: {
        write: false,
        modulePreload: false,
        target: "esnext",
        rolldownOptions: { input: "main", output: { entryFileNames: "main.js", chunkFileNames: "[name].js" } },
      },
    });
    const outputs = [result].flat().flatMap((one) => ("output" in one ? one.output : []));
    return outputs.flatMap((one) => (one.type === "chunk" ? [[one.fileName, one.code] as const] : []));
  }
}

/** Finds sources by name, `main` and `./Tokens.vue`, and compiles components of Vue. */
function fromMemory(sources: HostPage["files"], here: (text: string) => string): Plugin {
  const prefix = `${root}test/console/host/`;
  return {
    name: "host-page",
    enforce: "pre",
    resolveId(id) {
      const name = id === "main" ? Object.keys(sources)[0] : id.replace(/^\.\//, "");
      return name !== undefined && Object.hasOwn(sources, name) ? `${prefix}${name}` : undefined;
    },
    load(id) {
      const source = id.startsWith(prefix) ? sources[id.slice(prefix.length)] : undefined;
      if (source === undefined) return undefined;
      if (!id.endsWith(".vue")) return here(source);
      const { descriptor } = parse(here(source));
      const templateOptions = { compilerOptions: { isCustomElement: (tag: string) => tag === "patwarden-tokens" } };
      return {
        code: compileScript(descriptor, { id, inlineTemplate: true, templateOptions }).content,
        moduleType: "ts",
      };
    },
  };
}

async function asFetched(request: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new Request(new URL(request.url ?? "/", "http://host"), {
    method: request.method ?? "GET",
    headers: Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]),
    ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
  });
}

/** A block of code of docs/embed.md. */
export function documented(language: string, beginning: string): string {
  const text = readFileSync(new URL("../../docs/embed.md", import.meta.url), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const found = blocks.find(([, own, content = ""]) => own === language && content.startsWith(beginning));
  if (!found?.[2]) throw new Error(`docs/embed.md has no ${language} that begins with ${beginning}`);
  return found[2];
}
