import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the programs that `make` builds for the tests. */
export const tools = fileURLToPath(new URL("../../.tools", import.meta.url));

/** Returns the first of these files, or else a program of this name on the PATH, that can be executed. */
export function findProgram(name: string, ...files: readonly string[]): string | undefined {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  return [...files, ...onPath].find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
