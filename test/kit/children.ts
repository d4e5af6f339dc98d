import type { ChildProcess } from "node:child_process";

const living = new Set<ChildProcess>();

function killAll(): void {
  for (const child of living) child.kill("SIGKILL");
}
process.once("exit", killAll);
// The test runner ends its workers by a signal, of which "exit" does not hear.
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}

/** It does not outlive this process. */
export function track<Child extends ChildProcess>(child: Child): Child {
  living.add(child);
  child.once("exit", () => living.delete(child));
  return child;
}
