import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads that
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The files share one server, and some of them cut it off.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
