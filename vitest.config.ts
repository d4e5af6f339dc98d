import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    // Most tests wait for other programs: one worker for each core, where vitest would leave one core out.
    maxWorkers: "100%",
    globalSetup: "test/kit/global-setup.ts",
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
