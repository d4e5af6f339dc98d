import { constants } from "node:os";

/*
 * For the first process of a container, the kernel drops signals that the process does not listen to, so this module
 * listens from the start. Until a command calls `takeSignals`, a signal ends the process at once, with the exit code
 * that a shell reports: 128 plus the signal's number.
 */

export type StopSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

const stop = new AbortController();
let onSecond: ((signal: StopSignal) => void) | undefined;
let hangups = 0;
let onHangup: (() => void) | undefined;

/** Begins to listen. `serve` remembers SIGHUP and reloads later; all other commands end on SIGHUP, as on SIGTERM. */
export function listenForSignals(command: string | undefined): void {
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", command === "serve" ? hangUp : end);
}

/**
 * Returns a signal for a command that shuts down in order. The first SIGTERM or SIGINT aborts it, with its name as the
 * reason. The second calls `second` and ends the process at once.
 */
export function takeSignals(second: (signal: StopSignal) => void = () => undefined): AbortSignal {
  onSecond = second;
  return stop.signal;
}

/**
 * Ends the process `limitMs` after the first signal, unless the returned function is called before: for work that may
 * wait for others without a limit.
 */
export function endWithin(limitMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    timer = setTimeout(() => process.exit(exitCodeOf(stop.signal.reason)), limitMs).unref();
  };
  stop.signal.addEventListener("abort", begin, { once: true });
  return () => {
    stop.signal.removeEventListener("abort", begin);
    clearTimeout(timer);
  };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Calls `reload` once for all SIGHUPs so far, if there were any, and for each later one. */
export function takeHangups(reload: () => void): void {
  onHangup = reload;
  if (hangups > 0) reload();
}

/** Returns the exit code of a command that a signal has ended. */
export function exitCodeOf(signal: StopSignal): number {
  return 128 + constants.signals[signal];
}

function end(signal: StopSignal): void {
  const inCharge = onSecond;
  if (inCharge && !stop.signal.aborted) {
    stop.abort(signal);
    return;
  }
  inCharge?.(signal);
  process.exit(exitCodeOf(signal));
}

function hangUp(): void {
  hangups++;
  onHangup?.();
}
