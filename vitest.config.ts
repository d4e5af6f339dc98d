import { relative } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Long files first, so that no worker is left with one at the end: those of the whole server, then those with real parts, then the rest. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const folders = ["test/system/", "test/", ""];
    const rank = ({ moduleId }: TestSpecification) =>
      folders.findIndex((folder) => relative(import.meta.dirname, moduleId).startsWith(folder));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "console/src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    // Most tests wait for other programs: one worker for each core, where vitest would leave one core out.
    maxWorkers: "100%",
    sequence: { sequencer: LongestFirst },
    globalSetup: "test/kit/global-setup.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
