import { GetCallerResponseSchema, SelfService } from "#gen/patwarden/v1/self_pb.js";
import { CallError, connect, readKey } from "./client.js";
import { refusedExitCode } from "./fail.js";
import type { Calling } from "./options.js";
import { facts, jsonOf, print, timeText } from "./output.js";

/** Prints whether the server accepts the credential of this command, and which caller it belongs to. */
export async function whoamiCaller(options: Calling): Promise<void> {
  const { source } = readKey(options.keyFile);
  const caller = await callerOf(options);
  if (!caller) {
    const text = facts([
      ["accepted", "no: the server does not know this key"],
      ["key", `from ${source}`],
    ]);
    await print(options.json, { accepted: false, source }, text);
    process.exitCode = refusedExitCode;
    return;
  }
  const text = facts([
    ["accepted", "yes"],
    ["key", `from ${source}`],
    ["caller", caller.caller],
    ["name", caller.displayName],
    ["administrator", caller.admin ? "of the deployment" : undefined],
    ["permissions", caller.permissions.join(", ")],
    ["subjects", caller.subjects.join(", ")],
    ["signed in", timeText(caller.authTime)],
    ["ends", timeText(caller.sessionEndTime)],
  ]);
  await print(options.json, { accepted: true, source, ...Object(jsonOf(GetCallerResponseSchema, caller)) }, text);
}

/** Returns undefined when the server does not accept the credential. */
async function callerOf(options: Calling) {
  try {
    return await connect(SelfService, options).getCaller({});
  } catch (error) {
    if (error instanceof CallError && error.reason === "CALLER_UNAUTHENTICATED") return undefined;
    throw error;
  }
}
