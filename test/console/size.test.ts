import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const dist = new URL("../../dist/", import.meta.url);

/** Returns the size of the files as browsers load them, in KB. */
function sizeOf(folder: string, ending: RegExp): number {
  const names = readdirSync(new URL(folder, dist), { recursive: true, encoding: "utf8" });
  const loaded = names.filter((name) => ending.test(name));
  expect(loaded).not.toEqual([]);
  return loaded.reduce((sum, name) => sum + readFileSync(new URL(`${folder}${name}`, dist)).length, 0) / 1024;
}

describe("what a browser loads, compressed", () => {
  it("PG-35 is at most 120 KB for the page", () => {
    expect(sizeOf("page/", /\.(?:html|js|css|svg)\.br$/)).toBeLessThanOrEqual(120);
  });

  it("PG-35 is at most 90 KB for the element", () => {
    expect(sizeOf("elements/", /^patwarden-tokens\.js\.br$/)).toBeLessThanOrEqual(90);
  });
});
