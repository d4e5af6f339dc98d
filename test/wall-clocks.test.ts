import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Reads of a wall clock: ours, one that was passed on, or the database's. */
const wallClock =
  /\bDate\.now\b|\bnew Date\(\)|\btimeOrigin\b|\b[cC]lock\.now\(\)|(?<![.#\w])now\(\)|\b(clock|statement|transaction)_timestamp\(|\b(current|local)_?timestamp\b|\bdatabaseTime\(/;

const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .filter((file) => wallClock.test(readFileSync(join(root, "src", file), "utf8")))
  .map((file) => file.replace(/\.ts$/, ""))
  .sort();

const section = /^## Clocks$(.*?)^## /ms.exec(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"))?.[1] ?? "";
// The names are in brackets, in each item.
const listed = [...section.matchAll(/^- [^(]*\(([^)]*)\):/gm)]
  .flatMap(([, names = ""]) => [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name))
  .sort();

describe("wall clocks", () => {
  it("are read only where ARCHITECTURE.md describes the effect of a clock step", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(listed).toEqual(files);
  });

  it.each([
    "Date.now()",
    "new Date()",
    "{ wallMs: Date.now }",
    "clock.now()",
    "= now() - interval",
    "clock_timestamp()",
  ])("are found: %s", (text) => expect(text).toMatch(wallClock));

  it.each(["performance.now()", "new Date(ms)", "this.#now()"])("are not taken for others: %s", (text) =>
    expect(text).not.toMatch(wallClock),
  );
});
