import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the package: two levels up from here, both in src/ and in dist/. */
const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));

/** Returns the `openfga` executable on the PATH, else the one in `.tools/bin`, else undefined. */
export function findOpenFga(path: string = process.env["PATH"] ?? ""): string | undefined {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ""), join(packageRoot, ".tools", "bin")];
  return folders.map((folder) => join(folder, "openfga")).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
