import { once } from "node:events";
import { createServer, type Server } from "node:http";
import Provider from "oidc-provider";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { Browser, type ConsoleAddress, consoleConfig, openConsoleAddress } from "../kit/console.js";
import { issuerClient } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";

/** How long ago its people have signed in, seconds. */
let signedInAgo = 0;

/** A certified OpenID provider, as others run it. Its people need no password. */
async function startProvider(publicUrl: string): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  const url = `http://127.0.0.1:${address.port}`;
  const provider = new Provider(url, {
    clients: [
      {
        client_id: issuerClient.id,
        client_secret: issuerClient.secret,
        redirect_uris: [`${publicUrl}/sign-in/callback`],
        post_logout_redirect_uris: [`${publicUrl}/signed-out`],
      },
    ],
    claims: { openid: ["sub"], profile: ["name"] },
    conformIdTokenClaims: false,
    acrValues: ["mfa"],
    ttl: { AccessToken: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    cookies: { keys: ["for this test"] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({ sub: id, name: "Alice Liddell" }),
    }),
    interactions: { url: (_context: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    async loadExistingGrant({
      oidc,
    }: {
      readonly oidc: { client: { clientId: string }; session: { accountId: string } };
    }) {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  });
  const handle = provider.callback();
  server.on("request", (request, response) => {
    if (!request.url?.startsWith("/interaction/")) handle(request, response);
    else {
      const ts = Math.floor(Date.now() / 1000) - signedInAgo;
      void provider.interactionFinished(request, response, { login: { accountId: "alice", acr: "mfa", ts } });
    }
  });
  return { url, server };
}

describe("a sign-in at oidc-provider", () => {
  let address: ConsoleAddress;
  let provider: Awaited<ReturnType<typeof startProvider>>;
  let patwarden: Patwarden;
  beforeAll(async () => {
    address = await openConsoleAddress();
    provider = await startProvider(address.url);
    patwarden = await startPatwarden({
      config: {
        issuers: [{ issuer: provider.url, audiences: ["https://patwarden.example.com"], step_up: { max_age: "10m" } }],
        console: consoleConfig({ url: provider.url }, address.url),
      },
    });
    address.lead(patwarden.server.console);
  });
  afterAll(async () => {
    await patwarden.stop();
    provider.server.closeAllConnections();
    provider.server.close();
    await address.stop();
  });

  /** Follows redirects with the cookies of both parties, as a browser does. */
  async function signIn(parameters: Readonly<Record<string, string>>): Promise<{ browser: Browser; page: Response }> {
    const browser = new Browser(address.url);
    const jar = new Map<string, string>();
    let at = new URL(`/sign-in?${new URLSearchParams(parameters)}`, address.url);
    for (let step = 0; step < 12; step++) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
      const page = await browser.open(at.href, at.origin === provider.url ? { cookie } : {});
      if (at.origin === provider.url) {
        for (const line of page.headers.getSetCookie()) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          jar.set(name, value);
        }
      }
      const location = page.headers.get("location");
      if (location === null) return { browser, page };
      at = new URL(location, at);
    }
    throw new Error("too many redirects");
  }

  it("SI-14 starts a session, steps up, and signs out there too", async () => {
    const { browser, page } = await signIn({ return: "/new", max_age: "600", acr_values: "mfa" });
    expect([page.status, page.url]).toEqual([200, `${address.url}/new`]);
    const caller = await browser.call(SelfService.method.getCaller, {});
    expect(caller).toMatchObject({ value: { caller: "user:alice", displayName: "Alice Liddell", acr: "mfa" } });
    expect(caller.ok && caller.value.authTime).toBeDefined();
    const { location } = (await (await browser.signOut()).json()) as { location: string };
    expect(location.startsWith(`${provider.url}/session/end?`)).toBe(true);
    expect((await fetch(location)).status).toBe(200);
    expect(await browser.call(SelfService.method.getCaller, {})).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
  });

  it("SI-11 does not take the return from the provider for a new sign-in, without asking for any", async () => {
    // It tells auth_time only to those who ask.
    signedInAgo = 3_600;
    try {
      const { browser } = await signIn({ return: "/new" });
      const made = await browser.call(TokenService.method.createToken, { name: "ci", grant: { full: true } });
      expect(made).toMatchObject({ reason: "STEP_UP_REQUIRED", metadata: { because: "the sign-in is too old" } });
    } finally {
      signedInAgo = 0;
    }
  });
});
