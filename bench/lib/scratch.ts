import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Puts all temporary files into one folder from now on. The folder is deleted when this process ends, also by a signal.
 */
export function useScratchFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-bench-"));
  chmodSync(folder, 0o711); // PostgreSQL may run as another user
  process.env["TMPDIR"] = folder;
  // Processes that still run are being killed, and may write a last file.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
}
