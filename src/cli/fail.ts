import { Failure } from "../domain/errors.js";
import { redactText } from "../domain/redact.js";
import { CallError } from "./client.js";
import { OutputError } from "./output.js";

/** The text for `--help`. Codes: EX_IOERR and EX_TEMPFAIL of sysexits.h, and 128 plus the number of a signal. */
export const exitCodes = `
Exit codes:
  0    done; \`check\`: allowed
  1    failed, or the arguments are wrong
  2    \`check\`, \`why\`, \`whoami\`: not allowed, or the token is not usable
  74   the result could not be written
  75   the server, its database or OpenFGA did not answer: try again later
  128+ ended by a signal: 130 Ctrl-C, 143 SIGTERM; 141 the reader has closed the output`;

/** The exit code when the answer is no. */
export const refusedExitCode = 2;
const inputOutput = 74;
/** The exit code of a command that SIGPIPE ends, as other commands end when their reader has closed the pipe. */
const readerGone = 141;

/** Ends the command: writes the error to stderr and exits with its exit code. */
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
 * Ends the process because of a defect, and prints its stack. Node would also print the properties of the error, such
 * as a URL with its password.
 */
export function crash(error: unknown): never {
  tellFault(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
}

/** Describes an error and its cause in one line. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The command uses the database of its own configuration; "try again" of the API's text is for callers.
  const unavailable = error instanceof Failure && error.reason === "DATABASE_UNAVAILABLE";
  const text = unavailable ? "cannot use the database of database.url or database.url_file" : error.message;
  return error.cause instanceof Error ? `${text} (${error.cause.message})` : text;
}

function tellFault(text: string): void {
  process.stderr.write(`patwarden: ${redactText(text)}\n`);
}
