import { Failure } from "../domain/errors.js";
import { redactText } from "../domain/redact.js";
import { CallError } from "./client.js";
import { OutputError } from "./output.js";

/**
 * For `--help`. Keep it beside the codes: EX_IOERR and EX_TEMPFAIL of sysexits.h, and 128 with the number of a signal.
 */
export const exitCodes = `
Exit codes:
  0    done; \`check\`: allowed
  1    failed, or the arguments are wrong
  2    \`check\`, \`why\`, \`whoami\`: not allowed, or the token is not usable
  74   the result could not be written
  75   the server, its database or OpenFGA did not answer: try again later
  128+ ended by a signal: 130 Ctrl-C, 143 SIGTERM; 141 the reader of the output has gone`;

/** The answer is no. */
export const refusedExitCode = 2;
const inputOutput = 74;
/** As if SIGPIPE had ended the command, which is how others end when their reader has gone. */
const readerGone = 141;

/** Ends the command with what went wrong on stderr, and the exit code for it. */
export function fail(error: unknown): never {
  if (error instanceof OutputError) {
    const gone = error.code === "EPIPE";
    if (!gone || error.loss !== undefined) tellFault([error.message, ...(error.loss ? [error.loss] : [])].join("\n"));
    process.exit(gone ? readerGone : inputOutput);
  }
  if (error instanceof CallError) {
    tellFault(error.rawMessage);
    process.exit(error.exitCode);
  }
  tellFault(messageOf(error));
  process.exit(1);
}

/**
 * Ends the process for a defect, with its stack. Node would print the properties of the error too, such as the URL with
 * its password.
 */
export function crash(error: unknown): never {
  tellFault(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
}

/** What went wrong and why, in one line. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The database of the command's own configuration; "try again" is for callers.
  const unavailable = error instanceof Failure && error.reason === "DATABASE_UNAVAILABLE";
  const text = unavailable ? "cannot use the database of database.url" : error.message;
  return error.cause instanceof Error ? `${text} (${error.cause.message})` : text;
}

function tellFault(text: string): void {
  process.stderr.write(`patwarden: ${redactText(text)}\n`);
}
