// Tells TruffleHog whether a found token is usable: node trufflehog-verifier.mjs https://patwarden.example.com [PORT]
// It accepts {"patwarden": {"token": ["pw_pat_…"]}} and answers with the status of GET /v1/self. It listens only on
// loopback, and stores nothing.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const [patwarden, port = "9090"] = process.argv.slice(2);
const self = new URL("/v1/self", patwarden);

async function statusOf(request) {
  const [token] = JSON.parse(await text(request)).patwarden.token;
  const reply = await fetch(self, { redirect: "error", headers: { authorization: `Bearer ${token}` } });
  await reply.body?.cancel();
  return reply.status;
}

const server = createServer((request, response) => {
  statusOf(request)
    .catch(() => 502)
    .then((status) => response.writeHead(status).end());
});
server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
