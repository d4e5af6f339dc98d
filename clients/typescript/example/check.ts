// The life of a token and its decisions. Beside `make dev`: KEY=$(cat .patwarden/service-key) npx tsx check.ts
import { durationFromMs, PatwardenClient, Secret } from "@patwarden/client";

const { ENDPOINT: endpoint = "127.0.0.1:9081", KEY: key = "" } = process.env;

const patwarden = new PatwardenClient({ endpoint, key, plaintext: true });

const { token, secret: text } = await patwarden.tokens.createToken({
  subject: "user:alice",
  name: "laptop",
  grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
  lifetime: { case: "ttl", value: durationFromMs(3_600_000) },
});
const secret = new Secret(text);

async function ask(resource: string, action: string): Promise<void> {
  // If no decision can be made, for example because OpenFGA is down, check throws PatwardenError: answer 503.
  const decision = await patwarden.check(secret, resource, action);
  const status = decision.allowed ? 200 : decision.tokenValid ? 403 : 401;
  console.log(`${status} ${decision.reason} ${decision.subject} ${action} ${resource}`);
}

await ask("document:roadmap", "viewer");
await ask("document:payroll", "viewer");
await ask("document:roadmap", "editor");
await patwarden.tokens.revokeToken({ id: token?.id ?? "" });
await ask("document:roadmap", "viewer");
patwarden.close();
