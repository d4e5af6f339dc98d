import type { ChildProcess } from "node:child_process";

const living = new Set<ChildProcess>();

function killAll(): void {
  for (const child of living) child.kill("SIGKILL");
}
process.once("exit", killAll);
// The test runner ends its workers by a signal, for which "exit" is not emitted.
const signals = ["SIGTERM", "SIGINT"] as const;
function endAtOnce(): void {
  killAll();
  process.exit(1);
}
for (const signal of signals) process.once(signal, endAtOnce);

/** Leaves signals to a process that stops its children itself when it gets one. */
export function leaveSignals(): void {
  for (const signal of signals) process.off(signal, endAtOnce);
}

/** Kills the child at the latest when this process ends. */
export function track<Child extends ChildProcess>(child: Child): Child {
  living.add(child);
  child.once("exit", () => living.delete(child));
  return child;
}
