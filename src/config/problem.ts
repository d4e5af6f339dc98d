import type { z } from "zod";

/** A problem of a configuration. It never contains the value, which may be a secret. */
export interface Problem {
  /** `callers[0].permissions[1]`, the name of an environment variable or of a file. */
  readonly key: string;
  readonly problem: string;
}

/** Words, joined by `_` or `-`: a key or a secret of base64 or hexadecimal digits has no words. */
const keyName = /^[a-z][a-z0-9]{0,19}(?:[_-][a-z0-9]{1,20}){0,5}$/;

/**
 * Returns the key of a value as text. Parts that cannot be names of keys are replaced: with a missing colon or blank, a
 * secret can become a key.
 */
export function keyOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((key, part) => {
    if (typeof part === "number") return `${key}[${part}]`;
    const name = keyName.test(String(part)) ? String(part) : "…";
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

/** Describes problems for which a section has no own text. */
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
    case "unrecognized_keys":
      return `must not have the keys ${issue.keys.map((key) => keyOf([key])).join(", ")}: they are unknown`;
    default:
      return undefined;
  }
}

function wrongType(expected: string, input: unknown): string {
  if (input === undefined) return "is required";
  // To YAML, digits, `true` and the like are text only in quotes.
  if (expected === "string" && typeof input !== "object") return "must be text; write it in quotes";
  return `must be ${kinds[expected] ?? expected}`;
}
