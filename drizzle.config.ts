import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: [
    "./src/database/schema.ts",
    "./src/database/audit-table.ts",
    "./src/database/revocation-table.ts",
    "./src/database/signing-table.ts",
    "./src/database/usage-table.ts",
    "./src/database/leak-table.ts",
  ],
  out: "./migrations",
});
