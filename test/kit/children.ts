import type { ChildProcess } from "node:child_process";

const living = new Set<ChildProcess>();

function killAll(): void {
  for (const child of living) child.kill("SIGKILL");
}
process.once("exit", killAll);
// The test runner ends its workers by a signal, of which "exit" does not hear.
const signals = ["SIGTERM", "SIGINT"] as const;
function endAtOnce(): void {
  killAll();
  process.exit(1);
}
for (const signal of signals) process.once(signal, endAtOnce);

/** For a process that puts away all that it has started when it gets a signal. */
export function leaveSignals(): void {
  for (const signal of signals) process.off(signal, endAtOnce);
}

/** It does not outlive this process. */
export function track<Child extends ChildProcess>(child: Child): Child {
  living.add(child);
  child.once("exit", () => living.delete(child));
  return child;
}
