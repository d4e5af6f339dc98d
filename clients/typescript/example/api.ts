// An API that shows documents only to permitted readers. Beside `make dev`: KEY=$(cat .patwarden/service-key) npx tsx
// api.ts
//   curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:3000/documents/roadmap
import { PatwardenClient } from "@patwarden/client";
import { expressGuard } from "@patwarden/client/express";
import express from "express";

const { ENDPOINT: endpoint = "127.0.0.1:9081", KEY: key = "", PORT: port = "3000" } = process.env;

const patwarden = new PatwardenClient({ endpoint, key, plaintext: true });
const guard = expressGuard(patwarden, {
  realm: "documents",
  clientIp: (request) => request.ip,
});

const app = express();
app.get(
  "/documents/:id",
  guard((request) => ({ resource: `document:${request.params["id"]}`, action: "viewer" })),
  (request, response) => {
    response.json({ document: request.params["id"], reader: request.patwarden.subject });
  },
);
app.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/documents/roadmap`));
