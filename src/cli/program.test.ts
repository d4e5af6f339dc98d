import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const src = fileURLToPath(new URL("..", import.meta.url));

/** Returns the packages that a module and its imports load before it runs. `import()` loads later. */
function packagesOf(file: string, seen: Set<string>): readonly string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(file, "utf8");
  const imports = [...text.matchAll(/^(?:import|export) (?!type )[^;"]*?"([^"]+)";/gm)].map((match) => match[1] ?? "");
  return imports.flatMap((name) =>
    name.startsWith(".") ? packagesOf(join(dirname(file), name).replace(/\.js$/, ".ts"), seen) : [name],
  );
}

it("the command line starts without packages that only some commands need", () => {
  const seen = new Set<string>();
  const packages = new Set(packagesOf(join(src, "cli/program.ts"), seen));
  expect(packages).toContain("@connectrpc/connect-node");
  expect([...seen]).toContain(join(src, "domain/network.ts"));
  // Each of these takes a tenth of a second or more to load.
  const slow = [
    "zod",
    "yaml",
    "jose",
    "drizzle-orm",
    "@grpc/grpc-js",
    "pino",
    "prom-client",
    "@openfga/sdk",
    "#postgres",
  ];
  expect(slow.filter((name) => packages.has(name))).toEqual([]);
});
