import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { defaultFile } from "../config/load.js";
import { CallError, connect, readKey } from "./client.js";
import { readConfig } from "./config.js";
import { refusedExitCode } from "./fail.js";
import type { Calling } from "./options.js";
import { facts, print } from "./output.js";

export interface WhoamiServiceOptions extends Calling {
  readonly config?: string;
}

/**
 * Prints whether the server accepts the service key, and which caller it belongs to. The caller is read from the
 * configuration: no method of the API returns it.
 */
export async function whoamiService(options: WhoamiServiceOptions): Promise<void> {
  const { key, source } = readKey(options.keyFile);
  const accepted = await isAccepted(options);
  const caller = callerOf(key, options.config);
  const result = {
    accepted,
    source,
    ...(caller && { name: caller.name, permissions: [...caller.permissions], subjects: caller.subjects }),
  };
  const text = facts([
    ["accepted", accepted ? "yes" : "no: the server does not know this key"],
    ["key", `from ${source}`],
    ["caller", caller?.name ?? callerUnknown(options.config)],
    ["permissions", caller && [...caller.permissions].join(", ")],
    ["subjects", caller?.subjects?.join(", ")],
  ]);
  await print(options.json, result, text);
  if (!accepted) process.exitCode = refusedExitCode;
}

/** Returns whether the server accepts the key. Sends an empty request: the server checks the key before the request. */
async function isAccepted(options: Calling): Promise<boolean> {
  try {
    await connect(AuthorizationService, options).introspect({});
  } catch (error) {
    if (!(error instanceof CallError) || error.reason === undefined || error.exitCode !== 1) throw error;
    return error.reason !== "CALLER_UNAUTHENTICATED";
  }
  return true;
}

function isConfigured(file: string | undefined): boolean {
  return file !== undefined || existsSync(defaultFile);
}

function callerOf(key: string, file: string | undefined) {
  if (!isConfigured(file)) return undefined;
  const digest = createHash("sha256").update(key).digest("hex");
  return readConfig(file).callers.find(({ keySha256 }) => keySha256.includes(digest))?.caller;
}

function callerUnknown(file: string | undefined): string {
  return isConfigured(file) ? "no caller of the configuration has this key" : "unknown; use --config to show it";
}
