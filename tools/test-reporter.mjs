// For tools/test.mjs: writes {passed, skipped, failures} as JSON to the file in PATWARDEN_TEST_RESULT. Vitest's own
// JSON does not say why a hook failed.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";

export default class TestReporter {
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0;
    const skipped = [];
    const failures = unhandledErrors.map((error) => `outside of any test: ${firstLine(error)}`);
    for (const module of modules) {
      const where = relative(process.cwd(), module.moduleId);
      // Errors of a suite come from its hooks.
      for (const part of [module, ...module.children.allSuites()]) {
        const name = part === module ? "" : `${part.fullName}: `;
        failures.push(...part.errors().map((error) => `${where}: ${name}${firstLine(error)}`));
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === "passed") passed++;
        else if (state === "failed") failures.push(`${where}: ${test.fullName}: ${firstLine(errors[0])}`);
        else skipped.push(`${where}: ${test.fullName}`);
      }
    }
    writeFileSync(process.env.PATWARDEN_TEST_RESULT, JSON.stringify({ passed, skipped, failures }));
  }
}

function firstLine(error) {
  return String(error?.message ?? "no reason given")
    .split("\n", 1)[0]
    .slice(0, 300);
}
