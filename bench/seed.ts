// For a side-by-side benchmark that starts Patwarden by peer.sh. On the first run, fills the database with a million
// tokens. Prints the secrets of one token of each user u0 … u999, one per line. DATABASE_URL, PORT and SERVICE_KEY come
// from the environment. --pepper prints the pepper that the secrets are made with.
import { grpcPort } from "../test/kit/ports.js";
import { testPepper } from "../test/kit/server.js";
import { secretsOf, seedTokens } from "./lib/tokens.js";
import { userCount } from "./lib/workload.js";

const tokens = 1_000_000;

if (process.argv.includes("--pepper")) {
  console.log(testPepper);
} else {
  const { DATABASE_URL = "", PORT = "", SERVICE_KEY = "" } = process.env;
  const port = grpcPort(`127.0.0.1:${PORT}`, SERVICE_KEY);
  await seedTokens(DATABASE_URL, port, tokens);
  port.close();
  console.log(secretsOf(userCount).join("\n"));
}
