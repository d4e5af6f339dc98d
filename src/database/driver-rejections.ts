import { fileURLToPath } from "node:url";
import * as driver from "#postgres";

/**
 * Keeps an unhandled rejection of the driver from ending the process in an outage that it should survive. The known
 * cases are mended (tools/driver/mends.mjs); an unknown one calls `onRejection`. Any other unhandled rejection, also
 * of a statement of drizzle, is a defect of ours and still ends the process. It lasts until the process ends.
 */
export function holdDriverRejections(onRejection: (error: Error) => void): void {
  process.on("unhandledRejection", (reason) => {
    if (!isOfDriver(reason)) throw reason;
    onRejection(reason);
  });
}

/**
 * Whether the driver made the error, or failed a statement with it, which then has the statement's parameters. Errors
 * of drizzle are wrapped.
 */
export function isOfDriver(reason: unknown): reason is Error {
  if (!(reason instanceof Error)) return false;
  if (Object.hasOwn(reason, "parameters")) return true;
  const [innermost] = (reason.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return [driver.home, fileURLToPath(driver.home)].some((folder) => innermost?.includes(folder));
}
