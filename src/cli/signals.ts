import { constants } from "node:os";

/*
 * The kernel drops a signal for the first process of a container that does not listen to it, so this module listens
 * from the first moment on. Until a command takes charge, a signal ends the process at once, with the exit code that a
 * shell gives: 128 and the signal's number.
 */

export type StopSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

const stop = new AbortController();
let onSecond: ((signal: StopSignal) => void) | undefined;
let hangups = 0;
let onHangup: (() => void) | undefined;

/** Begins to listen. `serve` remembers a SIGHUP, which asks it to reload; everything else ends by it, as by SIGTERM. */
export function listenForSignals(command: string | undefined): void {
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", command === "serve" ? hangUp : end);
}

/**
 * For a command that ends in order: the first signal aborts this, with its name as the reason. A second one ends the
 * process at once.
 */
export function takeSignals(second: (signal: StopSignal) => void = () => undefined): AbortSignal {
  onSecond = second;
  return stop.signal;
}

/**
 * Ends the process this long after the first signal, unless what it gives is called before: for what may wait for
 * others without a limit.
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

/** Called once for all SIGHUPs so far, if there were any, and for each that follows. */
export function takeHangups(reload: () => void): void {
  onHangup = reload;
  if (hangups > 0) reload();
}

/** The exit code of a command that a signal ended before it was done. */
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
