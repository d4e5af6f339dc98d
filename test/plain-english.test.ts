import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { oddWords } from "./kit/odd-words.js";

/** The maximum width of comments; the formatter decides about code, and long strings are not wrapped. */
const width = 120;
const comment = /^\s*(?:\*|\/\*|\/\/|# )|[;,{)] \/\/ /;

/** Wrong beginnings: a doc comment begins with a verb or the thing. */
const oddBeginning = /(?:\/\*\*|\/\/|^\s*\*) (?:Of|Told|Undefined:|Whoever|Whom|What) /;

const listed = execFileSync(
  "git",
  ["ls-files", "src", "console", "test", "bench", "tools", "examples", "proto", "clients"],
  {
    encoding: "utf8",
  },
);
const files = listed
  .split("\n")
  .filter((file) => /\.(tsx?|mjs|css|html|proto|yaml|go|rs|py|java|kt)$/.test(file))
  .filter((file) => !/(plain-english\.test|odd-words)\.ts$|\/(gen|pb)\/|\.pb\.go$|_pb2/.test(file));

/** Returns problems as `file:line: word (what to write instead)`. */
function oddIn(file: string, text: string): readonly string[] {
  return text.split("\n").flatMap((line, at) => [
    ...oddWords.flatMap(([word, better]) => {
      const found = word.exec(line)?.[0];
      return found === undefined ? [] : [`${file}:${at + 1}: ${found} (${better})`];
    }),
    ...(line.length > width && comment.test(line) ? [`${file}:${at + 1}: a comment longer than ${width} columns`] : []),
    ...(oddBeginning.test(line) ? [`${file}:${at + 1}: a comment begins with a verb or the thing`] : []),
  ]);
}

describe("plain English", () => {
  it("is what comments, logs and errors are written in", () => {
    expect(files.length).toBeGreaterThan(500);
    expect(files.flatMap((file) => oddIn(file, readFileSync(file, "utf8")))).toEqual([]);
  });

  it.each([
    "/** Of a token. */",
    "  /** Told of each use. */",
    "// Undefined: no limit.",
    "/** What it does. */",
    "keys cannot be had",
    "what it hangs on",
    "Whoever calls",
    `// ${"wide ".repeat(30)}`,
    `done(); // ${"wide ".repeat(30)}`,
  ])("finds %j", (line) => {
    expect(oddIn("x.ts", line)).toHaveLength(1);
  });
});
