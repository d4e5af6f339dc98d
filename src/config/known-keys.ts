import { z } from "zod";
import { configSchema } from "./config.js";
import { otherSections } from "./other-sections.js";

/** The keys that a mapping may have, as data: the part of JSON Schema that reading a file needs. */
export interface KeyTree {
  readonly type?: "object" | "array" | "string" | "boolean" | "integer";
  readonly properties?: Readonly<Record<string, KeyTree>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly items?: KeyTree;
  /** May also be given by the name of a file, under the key with `_file` behind it. */
  readonly secret?: true;
  /** Is the name of a file. */
  readonly file?: true;
}

/** Every key of patwarden.yaml, whatever a file says. */
export const knownKeys = keyTreeOf(configSchema(otherSections({})));

function keyTreeOf(schema: z.ZodType): KeyTree {
  return z.toJSONSchema(schema, { io: "input" }) as KeyTree; // the sections set `secret` and `file` to nothing but true
}

/** Returns what may stand under this key; undefined when nothing may. */
export function childOf(tree: KeyTree | undefined, key: string): KeyTree | undefined {
  const properties = tree?.properties ?? {};
  return Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** All names that may stand in a mapping, those of secret files included. */
export function namesIn({ properties = {} }: KeyTree): readonly string[] {
  return Object.entries(properties).flatMap(([name, { secret }]) => (secret ? [name, fileTwin(name)] : [name]));
}

/** The key under which the name of a file with this secret stands. */
export function fileTwin(secretKey: string): string {
  return `${secretKey}_file`;
}

/** Returns the secret key of such a key; undefined for a key of another form. */
export function withoutFile(key: string): string | undefined {
  return key.endsWith("_file") ? key.slice(0, -"_file".length) : undefined;
}
