import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Two processes on one folder would corrupt it silently: whoever comes second is told. Gives the way to release it. */
export function lockFolder(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, "lock");
  for (let attempt = 1; ; attempt++) {
    try {
      const descriptor = openSync(file, "wx", 0o600);
      writeFileSync(descriptor, String(process.pid));
      closeSync(descriptor);
      return () => rmSync(file, { force: true });
    } catch (error) {
      const holder = Number(readIfThere(file));
      if (attempt === 2 || isRunning(holder)) {
        throw new Error(`${directory} is in use by process ${holder}; stop it first, or choose another folder`, {
          cause: error,
        });
      }
      // Its holder was killed.
      rmSync(file, { force: true });
    }
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
