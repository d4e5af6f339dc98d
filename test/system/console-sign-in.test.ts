import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { Browser, type ConsoleAddress, consoleConfig, openConsoleAddress } from "../kit/console.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import type { Server } from "../kit/server.js";

const { createToken, listTokens } = TokenService.method;

describe.each(["PostgreSQL", "PGlite"] as const)("a sign-in to the console on %s", (engine) => {
  let issuer: TestIssuer;
  let address: ConsoleAddress;
  let patwarden: Patwarden;
  let replica: Server | undefined;
  beforeAll(async () => {
    issuer = await startTestIssuer();
    address = await openConsoleAddress();
    const config = {
      issuers: [{ issuer: issuer.url, audiences: [issuer.audience], admin: { claim: "role", value: "boss" } }],
      console: consoleConfig(issuer, address.url),
    };
    patwarden = await startPatwarden({ engine, config });
    // Another process cannot open an embedded database.
    replica = engine === "PostgreSQL" ? await patwarden.startReplica({ config }) : undefined;
    address.lead(...[patwarden.server, ...(replica ? [replica] : [])].map((server) => server.console));
  });
  afterAll(async () => {
    await replica?.stop();
    await patwarden.stop();
    await issuer.stop();
    await address.stop();
  });

  it("starts a session with which the user calls the API", async () => {
    const browser = new Browser(address.url);
    expect(await browser.call(listTokens, {})).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    const page = await browser.signIn({ return: "/new?template=ci" });
    expect([page.status, page.url]).toEqual([200, `${address.url}/new?template=ci`]);
    const made = await browser.call(createToken, { name: "by the page", grant: { full: true } });
    expect(made).toMatchObject({ ok: true, value: { token: { subject: "user:alice", createdBy: "user:alice" } } });
    for (let replica = 0; replica < 2; replica++) {
      expect(await browser.call(listTokens, {})).toMatchObject({ ok: true });
    }
  });
});
