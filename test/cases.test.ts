import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Returns the ids at the beginning of a string: `"RV-1 S3 denies …"`. */
function idsOf(source: string): readonly string[] {
  return [...source.matchAll(/["'`]((?:[A-Z]{1,2}-?\d{1,2} )+)/g)].flatMap(([, ids = ""]) => ids.trim().split(" "));
}

const testFiles = ["src", "test", "bench"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && !file.endsWith("cases.test.ts"))
    .map((file) => join(folder, file)),
);
const used = new Map(
  testFiles.flatMap((file) => idsOf(readFileSync(join(root, file), "utf8")).map((id) => [id, file] as const)),
);
const list = readFileSync(join(root, "test/cases.md"), "utf8");
const listed = [...list.matchAll(/^\| ([A-Z]{1,2}-?\d{1,2}) +\| .+\|$/gm)].map(([, id = ""]) => id);

describe("test/cases.md", () => {
  it("has one line for each id", () => {
    expect(listed.filter((id, index) => listed.indexOf(id) !== index)).toEqual([]);
  });

  it("has a line for every id in the name of a test", () => {
    expect([...used].filter(([id]) => !listed.includes(id))).toEqual([]);
  });

  it("has no line without a test", () => {
    expect(listed.filter((id) => !used.has(id))).toEqual([]);
  });

  it("reads the ids of names, and nothing else", () => {
    const source = `it("RV-1 S3 denies", …); it(\`LU-4 moves\`, …); it("moves LU-4", …); "EX12345 x"; "A1"`;
    expect(idsOf(source)).toEqual(["RV-1", "S3", "LU-4"]);
  });
});
