import { fileURLToPath } from "node:url";
import * as driver from "#postgres";

/**
 * Prevents an unhandled rejection of the driver from ending the process in an outage. The known cases are fixed in the
 * driver (tools/driver/mends.mjs); any other one calls `onRejection`. All other unhandled rejections, including those
 * of drizzle statements, are our own defects and still end the process. The handler stays until the process ends.
 */
export function holdDriverRejections(onRejection: (error: Error) => void): void {
  process.on("unhandledRejection", (reason) => {
    if (!isOfDriver(reason)) throw reason;
    onRejection(reason);
  });
}

/**
 * Returns whether the driver created the error, or failed a statement with it; such an error has the parameters of the
 * statement. Errors of drizzle are wrapped and do not count.
 */
export function isOfDriver(reason: unknown): reason is Error {
  if (!(reason instanceof Error)) return false;
  if (Object.hasOwn(reason, "parameters")) return true;
  const [innermost] = (reason.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return [driver.home, fileURLToPath(driver.home)].some((folder) => innermost?.includes(folder));
}
