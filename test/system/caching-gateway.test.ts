import { chmodSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type Authority, createAuthority } from "../kit/authority.js";
import { type Gateway, gateways, startGateway, startUpstream, type Upstream } from "../kit/gateways.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { sendRaw } from "../kit/raw-http.js";
import { hashOf, newKey } from "../kit/server.js";

const { program, source } = gateways.apache;
if (program === undefined) process.stderr.write(`NO APACHE: ${source}; tests of a gateway that caches are skipped\n`);

const maxCacheMs = 5_000;

describe.skipIf(program === undefined)("behind Apache, which keeps what introspection says", () => {
  const gatewayKey = newKey();
  let authority: Authority;
  let patwarden: Patwarden;
  let upstream: Upstream;
  let gateway: Gateway;

  beforeAll(async () => {
    authority = createAuthority();
    // Apache reads it as the user nobody.
    chmodSync(dirname(authority.certFile), 0o755);
    const { certFile: cert, keyFile: key } = authority.issue({ "DNS.1": "localhost", "IP.1": "127.0.0.1" }, "server");
    patwarden = await startPatwarden({
      callers: [{ name: "gateway", key_sha256: [hashOf(gatewayKey)], permissions: ["introspect"] }],
      config: {
        http: { listen: "127.0.0.1:0", tls: { cert, key } },
        integrations: {
          oauth: { enabled: true, issuer: "https://patwarden.example.com", max_cache: `${maxCacheMs}ms` },
        },
      },
    });
    upstream = await startUpstream();
    gateway = await startGateway("apache", {
      PATWARDEN: new URL(patwarden.server.http).host,
      UPSTREAM: `127.0.0.1:${upstream.port}`,
      CA: authority.certFile,
      KEY: gatewayKey,
      HOST: "app.test",
    });
  });
  afterAll(async () => {
    await gateway.stop();
    await upstream.close();
    await patwarden.stop();
    authority.remove();
  });

  const ask = (secret: string, headers: readonly (readonly [string, string])[] = []) =>
    sendRaw(`127.0.0.1:${gateway.port}`, {
      target: "/docs/roadmap",
      host: "app.test",
      headers: [["Authorization", `Bearer ${secret}`], ...headers],
    });
  const introspections = async (answer: string): Promise<number> => {
    const [, count] =
      new RegExp(`^patwarden_integration_answers_total\\{.*oauth-introspect.*"${answer}".*\\} (\\d+)$`, "m").exec(
        await patwarden.metrics(),
      ) ?? [];
    return Number(count ?? 0);
  };

  it("lets a token through as its subject, whatever the request claims to be", async () => {
    const forged = ["X-Patwarden-Subject", "X-Patwarden-Token-Id", "X-Patwarden-Organization"] as const;
    const reply = await ask(
      patwarden.alice.secret,
      forged.map((name) => [name, "user:root"]),
    );
    expect([reply.status, reply.body]).toEqual([200, "hello user:alice"]);
    const headers = upstream.arrived.at(-1)?.rawHeaders ?? [];
    expect(headers).toContain(patwarden.alice.token.id);
    expect(headers.join(" ")).not.toContain("user:root");
    expect(headers.join(" ")).not.toContain(patwarden.alice.secret);
    const refused = await ask("garbage");
    expect([refused.status, refused.headers["www-authenticate"]]).toEqual([401, expect.stringContaining("Bearer")]);
  });

  it("O2 lets a revoked token live for max_cache at most", async () => {
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "lost",
      grant: { full: true },
    });
    const before = await introspections("active");
    expect((await ask(secret)).status).toBe(200);
    const answered = Date.now();
    expect((await ask(secret)).status).toBe(200);
    // The gateway asked only once: the rest of this test is about a gateway that keeps answers.
    expect(await introspections("active")).toBe(before + 1);
    const { port } = patwarden;
    expect(await port.call(TokenService.method.revokeToken, { id: token.id })).toMatchObject({ ok: true });
    // exp is a whole second, and gateways differ in whether that second still counts.
    const limit = answered + maxCacheMs + 1_000;
    let lateYes = 0;
    const askAgain = async (): Promise<number> => {
      const late = Date.now() > limit;
      const { status } = await ask(secret);
      if (late && status === 200) lateYes += 1;
      return status;
    };
    await expect.poll(askAgain, { timeout: 20_000, interval: 100 }).toBe(401);
    expect(lateYes).toBe(0);
  });
});
