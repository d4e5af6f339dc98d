import { fileURLToPath } from "node:url";
import * as driver from "#postgres";

/**
 * For the life of a server. What the driver begins by itself and nobody holds must not end the process in the outage that it is to ride out. The known
 * cases are mended (tools/driver/mends.mjs); for one that is not known, `onRejection` is called. Any other rejection without a holder, a statement of
 * drizzle too, is a defect of ours and ends the process as before.
 */
export function holdDriverRejections(onRejection: (error: Error) => void): void {
  process.on("unhandledRejection", (reason) => {
    if (!isOfDriver(reason)) throw reason;
    onRejection(reason);
  });
}

/** Whether the driver made the error, or failed a statement with it: then it names the statement's parameters on it. drizzle wraps those of its own. */
export function isOfDriver(reason: unknown): reason is Error {
  if (!(reason instanceof Error)) return false;
  if (Object.hasOwn(reason, "parameters")) return true;
  const [innermost] = (reason.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return [driver.home, fileURLToPath(driver.home)].some((folder) => innermost?.includes(folder));
}
