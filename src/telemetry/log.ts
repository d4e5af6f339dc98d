import { pino, stdSerializers } from "pino";
import { redactLine } from "../domain/redact.js";

export type Logger = pino.Logger;

export interface LogOptions {
  /** Default `info`. */
  readonly level?: pino.LevelWithSilent;
  /** Gets whole lines. Default stderr: stdout is for results. */
  readonly destination?: { write(line: string): void };
}

/**
 * Creates a logger that writes one JSON object a line: `time`, `level`, `msg`, and an error under `error`. Pass errors
 * as `log.error(error, "failed to X")` or `{ error }`. Secrets are removed from the finished line.
 */
export function createLogger({ level = "info", destination = standardError() }: LogOptions = {}): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      errorKey: "error",
      serializers: { error: describeError },
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactLine },
    },
    destination,
  );
}

/** The most bytes that wait while the disk is full; more lines are dropped. */
const maxWaitingBytes = 1_048_576;

/** Writes lines to stderr, and drops those that cannot be written. Without the error listener the process would end. */
function standardError(): pino.DestinationStream {
  const stream = pino.destination({ dest: 2, maxLength: maxWaitingBytes });
  const flushSync = stream.flushSync.bind(stream);
  stream.on("error", () => {
    // At the end of the process, a write that can only fail would be repeated forever (sonic-boom 4.2.1, flushSync).
    stream.flushSync = () => undefined;
  });
  stream.on("drain", () => {
    stream.flushSync = flushSync;
  });
  return stream;
}

/**
 * Returns message and stack, causes included. Other properties are left out: drivers add queries and parameters there.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = stdSerializers.err(error);
  return {
    type,
    message,
    ...("code" in error && { code: error.code }),
    ...("reason" in error && { reason: error.reason }),
    stack,
  };
}
