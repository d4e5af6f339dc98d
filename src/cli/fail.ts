import { ConnectError } from "@connectrpc/connect";
import type { Problem } from "../config/problem.js";
import { Failure } from "../domain/errors.js";
import { redactText } from "../domain/redact.js";
import { describeApiError } from "./client.js";
import { OutputError } from "./output.js";

/** EX_IOERR of sysexits.h. */
const inputOutput = 74;
/** As if SIGPIPE had ended the command, which is how others end when their reader has gone. */
const readerGone = 141;

/** Ends the command with what went wrong on stderr: exit code 75 where trying again may help, 74 when the result could not be written, else 1. */
export function fail(error: unknown): never {
  if (error instanceof OutputError) {
    const gone = error.code === "EPIPE";
    if (!gone || error.loss !== undefined) tellFault([error.message, ...(error.loss ? [error.loss] : [])].join("\n"));
    process.exit(gone ? readerGone : inputOutput);
  }
  if (error instanceof ConnectError) {
    const { text, exitCode } = describeApiError(error);
    tellFault(text);
    process.exit(exitCode);
  }
  const text = textOf(error);
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  tellFault(text + cause);
  process.exit(1);
}

/** The same for a configuration, with everything that is wrong with it. */
export function failConfig(problems: readonly Problem[]): never {
  const lines = problems.map(({ key, problem }) => `  ${key === "" ? "the file" : key}: ${problem}`);
  return fail(new Error(`the configuration has ${problems.length} problem(s):\n${lines.join("\n")}`));
}

/** Ends the process for a defect, with its stack. Node would print the properties of the error too, such as the URL in which a password stands. */
export function crash(error: unknown): never {
  tellFault(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
}

function textOf(error: unknown): string {
  // A command that ends with this one has met the database of its own configuration; "try again" is for callers.
  if (error instanceof Failure && error.reason === "DATABASE_UNAVAILABLE")
    return "the database of database.url cannot be used";
  return error instanceof Error ? error.message : String(error);
}

function tellFault(text: string): void {
  process.stderr.write(`patwarden: ${redactText(text)}\n`);
}
