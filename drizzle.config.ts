import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: [
    "./src/store/schema.ts",
    "./src/store/audit-schema.ts",
    "./src/store/revocation-schema.ts",
    "./src/store/signing-schema.ts",
    "./src/store/usage-schema.ts",
    "./src/store/leak-schema.ts",
  ],
  out: "./migrations",
});
