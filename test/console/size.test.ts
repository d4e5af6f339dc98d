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
  it("PG-35 is at most 105 KB for the page, and 120 KB by gzip", () => {
    expect(sizeOf("page/", /\.(?:html|js|css|svg)\.br$/)).toBeLessThanOrEqual(105);
    expect(sizeOf("page/", /\.(?:html|js|css|svg)\.gz$/)).toBeLessThanOrEqual(120);
  });

  // Hosts serve it by their own servers, which often know gzip alone.
  it("PG-35 is at most 80 KB for the element, and 90 KB by gzip", () => {
    expect(sizeOf("elements/", /^patwarden-tokens\.js\.br$/)).toBeLessThanOrEqual(80);
    expect(sizeOf("elements/", /^patwarden-tokens\.js\.gz$/)).toBeLessThanOrEqual(90);
  });
});
