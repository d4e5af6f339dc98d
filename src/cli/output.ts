import { writeSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";

/** The result of a command did not go out whole. */
export class OutputError extends Error {
  /** `ENOSPC` and the like; `EPIPE` when its reader has gone. */
  readonly code: string;
  /** What the person at the terminal has lost by it, and what to do; undefined when repeating the command gives it again. */
  readonly loss: string | undefined;

  constructor(code: string, loss: string | undefined) {
    super(`the result could not be written to stdout: ${code}`);
    this.code = code;
    this.loss = loss;
  }
}

/** For the help, which has to be out when it returns. Throws an OutputError for files; whether a reader is still there, nobody waits for. */
export function writeNow(text: string): void {
  const stdout: Writable = process.stdout;
  if (stdout instanceof Socket) stdout.write(text);
  else writeToFile(text);
}

/** Writes a text to stdout; resolves when all of it has gone out. Throws an OutputError. */
export async function writeOut(text: string, loss?: string): Promise<void> {
  const stdout: Writable = process.stdout;
  if (!(stdout instanceof Socket)) {
    writeToFile(text, loss);
    return;
  }
  await new Promise<void>((resolve, reject) => {
    stdout.write(text, (error) => (error ? reject(outputError(error, loss)) : resolve()));
  });
}

/** Writes a result, for people or for a script. `loss` as of OutputError. */
export function print(json: boolean, value: unknown, text: string, loss?: string): Promise<void> {
  return writeOut(json ? `${JSON.stringify(value)}\n` : `${text}\n`, loss);
}

/** Writes progress and other remarks, beside the result. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A message as JSON, false and 0 included: a script must not have to guess defaults. */
export function jsonOf<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

/** Node's own stream for files takes a write that was cut short, as on a disk that is just full, for a whole one (nodejs/node#12921). */
function writeToFile(text: string, loss?: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(process.stdout.fd, bytes, at);
  } catch (error) {
    throw outputError(error, loss);
  }
}

function outputError(error: unknown, loss: string | undefined): OutputError {
  return new OutputError(error instanceof Error && "code" in error ? String(error.code) : "unknown error", loss);
}
