import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What `make` builds for the tests. */
export const tools = fileURLToPath(new URL("../../.tools", import.meta.url));

/** Where a program is: there, else on the PATH; undefined: nowhere. */
export function findProgram(name: string, otherwise: string): string | undefined {
  const candidates = [otherwise, ...(process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name))];
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
