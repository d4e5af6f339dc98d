import { pino, stdSerializers } from "pino";
import { redactLine } from "../domain/redact.js";

export type Logger = pino.Logger;

export interface LogOptions {
  /** Default `info`. */
  readonly level?: pino.LevelWithSilent;
  /** Where whole lines go. Default stderr: stdout is for results. */
  readonly destination?: { write(line: string): void };
}

/**
 * One JSON object a line: `time`, `level`, `msg`, and an error under `error`. Pass errors as `log.error(error, "what
 * failed")` or `{ error }`; secrets are taken out of the finished line.
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

/** What waits for a disk that is full; more is dropped. */
const maxWaitingBytes = 1_048_576;

/** A log that cannot be written loses lines. Without the listener it would end the process. */
function standardError(): pino.DestinationStream {
  const stream = pino.destination({ dest: 2, maxLength: maxWaitingBytes });
  const flushSync = stream.flushSync.bind(stream);
  stream.on("error", () => {
    // At the end of the process it would repeat a write without end that can only fail (sonic-boom 4.2.1, flushSync).
    stream.flushSync = () => undefined;
  });
  stream.on("drain", () => {
    stream.flushSync = flushSync;
  });
  return stream;
}

/**
 * Message and stack, causes included. Other properties of an error are left out: drivers hang queries and parameters on
 * theirs.
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
