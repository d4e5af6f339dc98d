import { z } from "zod";
import { configSchema } from "./config.js";
import { otherSections } from "./other-sections.js";

/** The keys that a mapping may have: the part of JSON Schema that is needed to read a file. */
export interface KeyTree {
  readonly type?: "object" | "array" | "string" | "boolean" | "integer";
  readonly properties?: Readonly<Record<string, KeyTree>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly items?: KeyTree;
  /** Whether the value may also be given as the name of a file, under the key with the suffix `_file`. */
  readonly secret?: true;
  /** Whether the value is the name of a file. */
  readonly file?: true;
}

/** All keys that patwarden.yaml may have. */
export const knownKeys = keyTreeOf(configSchema(otherSections({})));

function keyTreeOf(schema: z.ZodType): KeyTree {
  return z.toJSONSchema(schema, { io: "input" }) as KeyTree; // the sections set `secret` and `file` only to true
}

/** Returns the tree of the values of this key, or undefined when the key is unknown. */
export function childOf(tree: KeyTree | undefined, key: string): KeyTree | undefined {
  const properties = tree?.properties ?? {};
  return Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** Returns all keys that a mapping may have, including those for files of secrets. */
export function namesIn({ properties = {} }: KeyTree): readonly string[] {
  return Object.entries(properties).flatMap(([name, { secret }]) => (secret ? [name, fileTwin(name)] : [name]));
}

/** Returns the key for the name of a file with this secret. */
export function fileTwin(secretKey: string): string {
  return `${secretKey}_file`;
}

/** Returns the key without the suffix `_file`, or undefined when it does not have the suffix. */
export function withoutFile(key: string): string | undefined {
  return key.endsWith("_file") ? key.slice(0, -"_file".length) : undefined;
}
