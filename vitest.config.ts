import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    globalSetup: "test/kit/global-setup.ts",
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
