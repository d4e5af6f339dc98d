// Decides about a request of a backend by its token. Run it beside `make dev`:
//   KEY=$(cat .patwarden/service-key) TOKEN=… npx tsx examples/check.ts
import { enumToJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";

const { KEY: key = "", TOKEN: token = "", PATWARDEN: baseUrl = "http://127.0.0.1:9080" } = process.env;

const patwarden = createClient(AuthorizationService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));

// Without a decision, for example while OpenFGA is down, this rejects with a ConnectError: answer 503. It is never a
// denial.
const decision = await patwarden.check(
  { token, resource: "document:roadmap", action: "viewer" },
  { headers: { authorization: `Bearer ${key}` }, timeoutMs: 2_000 },
);

const status = decision.allowed ? 200 : decision.tokenValid ? 403 : 401;
console.log(`${status} ${enumToJson(ReasonSchema, decision.reason)} ${decision.subject}`);
