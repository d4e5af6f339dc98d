import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import ms, { type StringValue } from "ms";
import { isInCalendar } from "../domain/calendar.js";
import type { Connection } from "./client.js";
import { tell } from "./output.js";

/** Options of every command that prints a result. */
export interface Printing {
  readonly json: boolean;
}

/** Options of every command that calls a running Patwarden. */
export type Calling = Connection & Printing;

/** Adds the options of commands that call a running Patwarden. Call it last: help lists options in this order. */
export function withConnection(command: Command): Command {
  const group = "Connection and output:";
  const url = new Option("--url <url>", "URL of the HTTP port").env("PATWARDEN_CLIENT_URL");
  const key = new Option(
    "--key-file <file>",
    "file of the service key; default: the key in PATWARDEN_CLIENT_KEY, or that of `patwarden dev` in this folder",
  );
  return command
    .addOption(url.default("http://127.0.0.1:9080").helpGroup(group))
    .addOption(key.helpGroup(group))
    .addOption(jsonOption().helpGroup(group));
}

export function jsonOption(): Option {
  return new Option("--json", "print JSON").default(false, "text");
}

export function configOption(): Option {
  return new Option("--config <file>", "YAML or JSON; default: ./patwarden.yaml, if it exists");
}

/**
 * Returns an option that may be given several times. The choices are checked here: an argParser replaces the check of
 * `choices`.
 */
export function repeatable(flags: string, description: string, choices?: readonly string[]): Option {
  const option = new Option(flags, `${description} (repeatable)`);
  if (choices) option.choices(choices);
  return option.argParser((value: string, before: readonly string[] = []) => {
    if (choices && !choices.includes(value)) {
      throw new InvalidArgumentError(`Allowed choices are ${choices.join(", ")}.`);
    }
    return [...before, value];
  });
}

export function parseCount(value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("must be a whole number, 1 or more");
}

/** Parses a duration to milliseconds. */
export function parseDuration(value: string): number {
  // `ms` returns undefined for an unknown unit.
  const duration = /^\d+(\.\d+)?[a-z]+$/i.test(value) ? ms(value as StringValue) : undefined;
  if (duration === undefined) throw new InvalidArgumentError("must be a duration such as 90d, 12h or 30m");
  return duration;
}

/** Parses an address such as `https://tokens.example.com`, without a path. */
export function parseOrigin(value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new InvalidArgumentError("must be an address without a path, such as https://tokens.example.com");
  }
  return url;
}

export function parseTime(value: string): Date {
  const time = new Date(value);
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(value) || Number.isNaN(time.getTime()) || !isInCalendar(value)) {
    throw new InvalidArgumentError("must be a time that exists, with its zone, such as 2027-01-31T00:00:00Z");
  }
  return time;
}

/** Parses NAME=VALUE texts. `option` is named in the error. */
export function parsePairs(option: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf("=");
      if (at < 1) throw new Error(`${option}: ${value} must be NAME=VALUE`);
      return [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}

/**
 * Returns the argument, or the content of stdin when the argument is `-`: the list of processes shows arguments to
 * everybody on the machine.
 */
export async function readSecret(argument: string): Promise<string> {
  if (argument !== "-") return argument;
  if (process.stdin.isTTY) tell("paste the token, then press Enter and Ctrl-D");
  const secret = (await text(process.stdin)).trim();
  if (secret === "") throw new Error("stdin contains no token");
  return secret;
}
