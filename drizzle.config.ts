import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: [
    "token-table",
    "residual",
    "request",
    "pepper",
    "subject-table",
    "policy",
    "audit",
    "revocation",
    "signing-key",
    "usage",
    "last-use",
    "leak",
    "console-session-table",
  ].map((file) => `./src/database/${file}.ts`),
  out: "./migrations",
});
