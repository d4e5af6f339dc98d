import type { z } from "zod";

/** A fault of a configuration. It never has the value, which may be a secret. */
export interface Problem {
  /** `callers[0].permissions[1]`, the name of an environment variable or of a file. */
  readonly key: string;
  readonly problem: string;
}

/**
 * Names the place of a value. What cannot be the name of a key is left out: a lost colon or blank makes a key of a
 * secret.
 */
export function keyOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((key, part) => {
    if (typeof part === "number") return `${key}[${part}]`;
    const name = /^[a-z][a-z0-9_-]{0,31}$/.test(String(part)) ? String(part) : "…";
    return key === "" ? name : `${key}.${name}`;
  }, "");
}

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/** Words for the problems that a section has no words of its own for. */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue.expected, issue.input);
    case "invalid_value":
      return `must be one of ${issue.values.join(", ")}`;
    case "too_small":
      return `must be at least ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    default:
      return undefined;
  }
}

function wrongType(expected: string, input: unknown): string {
  if (input === undefined) return "is required";
  // Digits alone, `true` and the like are no text to YAML, unless they stand in quotes.
  if (expected === "string" && typeof input !== "object") return "must be text; write it in quotes";
  return `must be ${kinds[expected] ?? expected}`;
}
