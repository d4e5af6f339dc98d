import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** From now on whatever is temporary goes to one folder, which is gone when this process ends, also by a signal. */
export function useScratchFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-bench-"));
  chmodSync(folder, 0o711); // PostgreSQL may run as another user
  process.env["TMPDIR"] = folder;
  // What still runs is being killed, and may write a last file.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
}
