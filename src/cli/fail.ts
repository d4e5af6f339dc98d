import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { Problem } from "../config/problem.js";
import { redactText } from "../observability/redact.js";
import { describeApiError } from "./client.js";

/** Ends the command with what went wrong on stderr: exit code 75 where trying again may help, else 1. */
export function fail(error: unknown): never {
  if (error instanceof ConnectError) {
    const { text, exitCode } = describeApiError(error);
    process.stderr.write(`patwarden: ${redactText(text)}\n`);
    process.exit(exitCode);
  }
  const text = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  process.stderr.write(`patwarden: ${redactText(text + cause)}\n`);
  process.exit(1);
}

/** The same for a configuration, with everything that is wrong with it. */
export function failConfig(problems: readonly Problem[]): never {
  const lines = problems.map(({ key, problem }) => `  ${key === "" ? "the file" : key}: ${problem}`);
  return fail(new Error(`the configuration has ${problems.length} problem(s):\n${lines.join("\n")}`));
}

/** A result, for people or for a script. */
export function print(json: boolean, value: unknown, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`);
}

/** Whole lines of a long result, waiting for the reader. One that has gone wants no more; that is no failure. */
export function writeOut(lines: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(lines, (error) => {
      if (error && !("code" in error && error.code === "EPIPE")) reject(error);
      else resolve();
    });
  });
}

/** Progress and other remarks, beside the result. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A message as JSON, false and 0 included: a script must not have to guess defaults. */
export function jsonOf<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}
