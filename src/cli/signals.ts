import type { Logger } from "../observability/log.js";

/** Resolves at the first SIGTERM or SIGINT. A second one, while the process drains, ends it at once. */
export function untilSignalled(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      signals++;
      if (signals === 1) {
        resolve();
        return;
      }
      log.warn({ signal }, "second signal: ending at once");
      process.exit(1);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}
