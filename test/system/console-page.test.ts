import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { consoleConfig } from "../kit/console.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { sendRaw } from "../kit/raw-http.js";
import { selfSigned } from "../kit/self-signed.js";

const main = new URL("../../dist/main.js", import.meta.url).pathname;
const built = new URL("../../dist/page/", import.meta.url);
const asset = readdirSync(new URL("assets/", built)).find((name) => name.endsWith(".js")) ?? "";
const index = readFileSync(new URL("index.html", built), "utf8");

const always = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

let issuer: TestIssuer;
let patwarden: Patwarden;
beforeAll(async () => {
  issuer = await startTestIssuer();
  patwarden = await startPatwarden({
    config: {
      issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
      public_http: { listen: "127.0.0.1:0", origins: ["https://app.example.com"] },
      console: consoleConfig(issuer, "https://tokens.example.com"),
    },
  });
});
afterAll(async () => {
  await patwarden.stop();
  await issuer.stop();
});

const get = (target: string, headers: readonly (readonly [string, string])[] = [], method = "GET") =>
  sendRaw(patwarden.server.console, { method, target, headers });

describe("the port of the console", () => {
  it.each([
    ["GET", "/", 200],
    ["HEAD", "/", 200],
    ["GET", "/new?name=ci", 200],
    ["GET", `/assets/${asset}`, 200],
    ["GET", "/boot.js", 200],
    ["GET", "/assets/of-an-older-replica.js", 404],
    ["GET", "/../package.json", 404],
    ["GET", "/%2e%2e/package.json", 404],
    ["GET", "/index.html.br", 404],
    ["GET", "/sign-in", 303],
    ["GET", "/sign-in/callback", 400],
    ["GET", "/sign-in/page.css", 200],
    ["POST", "/sign-out", 403],
    ["GET", "/sign-out", 405],
    ["POST", "/", 405],
    ["OPTIONS", "/", 405],
    ["POST", `/${TokenService.typeName}/ListTokens`, 415],
    ["GET", "/livez", 200],
    ["GET", "/readyz", 404],
    ["GET", "/v1/self", 404],
    ["POST", "/patwarden.v1.AuthorizationService/Check", 404],
    ["POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 404],
  ])("CS-13 answers %s %s with %i, and with the headers of every answer", async (method, target, status) => {
    const reply = await get(target, [], method);
    expect([reply.status, reply.headers]).toMatchObject([status, always]);
    const features = String(reply.headers["permissions-policy"]).split(", ");
    expect(features).toEqual(expect.arrayContaining(["camera=()", "clipboard-read=()", "microphone=()", "usb=()"]));
    expect(features.filter((feature) => !feature.endsWith("=()"))).toEqual(["clipboard-write=(self)"]);
    expect(reply.headers["cross-origin-resource-policy"]).toBe("same-origin");
    expect(reply.headers["strict-transport-security"]).toBeUndefined();
    expect(Object.keys(reply.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    const fixed = status === 200 && !["/livez", "/sign-in/page.css"].includes(target);
    if (!fixed) expect(reply.headers["cache-control"]).toBe("no-store");
  });

  it("answers each address of the app with its page, and no other address", async () => {
    for (const target of [
      "/",
      "/new",
      "/tokens/tok_01jy/usage",
      "/orgs",
      "/orgs/acme%2Fshop/policy",
      "/operator/audit",
    ]) {
      const { status, body, headers } = await get(target);
      expect([target, status, body]).toEqual([target, 200, index]);
      expect(headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(headers["cache-control"]).toBe("no-cache");
    }
    for (const target of ["/newer", "/tokens//x", "/tokens/a/b/c/d/e/f", "/admin", "/New"]) {
      expect([target, (await get(target)).status]).toEqual([target, 404]);
    }
  });

  it("lets browsers keep what has a hash in its name, and ask for the rest", async () => {
    const kept = await get(`/assets/${asset}`);
    expect(kept.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    const boot = await get("/boot.js");
    expect(boot.headers).toMatchObject({ "cache-control": "no-cache", vary: "Accept-Encoding" });
    const etag = String(boot.headers["etag"]);
    const again = await get("/boot.js", [["If-None-Match", `"other", W/${etag}`]]);
    expect([again.status, again.body, again.headers["etag"]]).toEqual([304, "", etag]);
    expect(again.headers).toMatchObject(always);
    expect((await get("/boot.js", [["If-None-Match", '"other"']])).status).toBe(200);
  });

  it.each([
    ["br", "br"],
    ["gzip, deflate, br", "br"],
    ["gzip", "gzip"],
    ["br;q=0, gzip;q=0.5", "gzip"],
    ["identity", undefined],
    ["br;q=0.000", undefined],
  ])("compresses for a browser that accepts %s", async (accepted, encoding) => {
    const response = await fetch(`${patwarden.server.console}/assets/${asset}`, {
      headers: { "accept-encoding": accepted },
    });
    expect(response.headers.get("content-encoding")).toBe(encoding ?? null);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(readFileSync(new URL(`assets/${asset}`, built)));
    const packed =
      encoding === undefined
        ? undefined
        : readFileSync(new URL(`assets/${asset}.${encoding === "br" ? "br" : "gz"}`, built));
    if (packed) {
      const opened = encoding === "br" ? brotliDecompressSync(packed) : gunzipSync(packed);
      expect(opened).toEqual(readFileSync(new URL(`assets/${asset}`, built)));
      expect(response.headers.get("content-length")).toBe(String(packed.length));
    }
  });

  it("SI-9 uses cookies whose names browsers guard, where it is opened over TLS", async () => {
    const { headers } = await get("/sign-in");
    const [cookie = ""] = headers["set-cookie"] ?? [];
    expect(cookie).toMatch(
      /^__Host-Http-pw_sign_in_[\w-]{8}=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/,
    );
    // A cookie without the prefix is not looked at.
    const bare = cookie.replace("__Host-Http-", "").split(";", 1)[0] ?? "";
    const state = new URL(String(headers["location"])).searchParams.get("state") ?? "";
    const back = await get(`/sign-in/callback?code=x&state=${state}`, [["Cookie", bare]]);
    expect([back.status, back.headers["set-cookie"]]).toEqual([400, undefined]);
    expect(back.body).toContain("This sign-in is over");
  });

  it("shows a refusal as a page without scripts, which repeats nothing of its address", async () => {
    const { body, headers } = await get('/sign-in/callback?error="><script>x</script>&state=%3Cscript%3E');
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(body).not.toContain("script");
    expect(body).toContain('<a href="/sign-in?return=%2F">');
  });
});

describe("the element", () => {
  it("may be loaded by pages of every origin, from the console and from the public port", async () => {
    for (const origin of [patwarden.server.console, patwarden.server.publicHttp]) {
      const response = await fetch(`${origin}/elements/v1/patwarden-tokens.js`, {
        headers: { origin: "https://any.example.com", "accept-encoding": "br" },
      });
      expect([response.status, Object.fromEntries(response.headers)]).toMatchObject([
        200,
        {
          "access-control-allow-origin": "*",
          "cross-origin-resource-policy": "cross-origin",
          "cache-control": "public, max-age=300",
          "content-type": "text/javascript; charset=utf-8",
          etag: expect.stringMatching(/^"/),
        },
      ]);
      const etag = response.headers.get("etag") ?? "";
      const headers = { "if-none-match": etag, "accept-encoding": "br" };
      await response.arrayBuffer();
      expect((await fetch(`${origin}/elements/v1/patwarden-tokens.js`, { headers })).status).toBe(304);
    }
    expect((await fetch(`${patwarden.server.http}/elements/v1/patwarden-tokens.js`)).status).toBe(404);
  });
});

describe("patwarden embed", () => {
  const embed = (...args: readonly string[]) =>
    spawnSync(process.execPath, [main, "embed", ...args], { encoding: "utf8" });

  it("prints the line for the file that is served", async () => {
    const { publicHttp } = patwarden.server;
    const { stdout } = embed(publicHttp);
    const [, src = "", integrity = ""] =
      /^<script type="module" src="(.*)" integrity="sha384-(.*)" crossorigin/.exec(stdout) ?? [];
    expect(src).toBe(`${publicHttp}/elements/v1/patwarden-tokens.js`);
    const served = Buffer.from(await (await fetch(src)).arrayBuffer());
    expect(createHash("sha384").update(served).digest("base64")).toBe(integrity);
    expect(JSON.parse(embed(publicHttp, "--json").stdout)).toEqual({ src, integrity: `sha384-${integrity}` });
  });

  it.each(["tokens.example.com", "https://tokens.example.com/console", "javascript:alert(1)"])("refuses %s", (url) => {
    const { status, stderr } = embed(url);
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining("must be an address without a path, such as https://"),
    ]);
  });
});

describe("the port of the console with TLS", () => {
  it("CS-13 tells browsers to stay with TLS, also over HTTP/2", async () => {
    const { cert, key } = selfSigned();
    const { fileOf } = await import("../kit/config-file.js");
    const server = await patwarden.startReplica({
      config: {
        issuers: [{ issuer: issuer.url, audiences: [issuer.audience] }],
        console: consoleConfig(issuer, "https://tokens.example.com", {
          tls: { cert: fileOf(cert.toString()), key: fileOf(key.toString()) },
        }),
      },
    });
    const reply = await new Promise<NodeJS.Dict<string | string[]>>((resolve, reject) => {
      const agent = new Agent({ rejectUnauthorized: false });
      request(server.console.replace("http:", "https:"), { agent }, (response) => {
        response.resume();
        resolve(response.headers);
      })
        .on("error", reject)
        .end();
    });
    expect(reply).toMatchObject({ ...always, "strict-transport-security": "max-age=31536000" });
    await server.stop();
  });
});
