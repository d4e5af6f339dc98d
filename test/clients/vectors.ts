import { readFileSync } from "node:fs";
import type { JsonObject } from "@bufbuild/protobuf";
import type { Description } from "./environment.js";

/*
 * The files of clients/vectors, which its README.md explains. An `expect` names everything in the answer: a field that
 * is absent in `expect` must be empty.
 */

export interface ExpectedDecision {
  readonly allowed: boolean;
  readonly reason: string;
  readonly token_valid: boolean;
  readonly subject?: string;
  /** Alias. */
  readonly token_id?: string;
  readonly organization?: string;
  readonly claims?: Readonly<Record<string, string>>;
  readonly expires?: boolean;
}

export interface ExpectedError {
  readonly code: string;
  readonly reason: string;
  /** The fields of the violations, in any order. */
  readonly fields?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** Whether the error says when to retry. */
  readonly retry_delay?: boolean;
}

/** Either an answer or an error. */
type Expected<Answer> =
  | { readonly expect: Answer; readonly error?: undefined }
  | { readonly error: ExpectedError; readonly expect?: undefined };

export interface Question {
  readonly token: string | { readonly text: string };
  readonly resource: string;
  readonly action: string;
  readonly context?: JsonObject;
  readonly consistency?: string;
}

interface Named {
  readonly name: string;
}

export interface Vectors {
  readonly secrets: readonly (Named & {
    readonly text: string;
    readonly brand: string;
    readonly wellFormed: boolean;
    readonly kind?: string;
    readonly hint?: string;
  })[];
  readonly checks: readonly (Named & Question & { readonly claims?: readonly string[] } & Expected<ExpectedDecision>)[];
  readonly batches: readonly (Named & {
    readonly items: readonly Question[];
    readonly expect: readonly (ExpectedDecision | { readonly error: ExpectedError })[];
  })[];
  readonly errors: readonly (Named & {
    readonly key: string;
    readonly call: string;
    readonly request: JsonObject;
    readonly error: ExpectedError;
  })[];
  readonly lists: readonly (Named & {
    readonly token: string | { readonly text: string };
    readonly type: string;
    readonly action: string;
    readonly context?: JsonObject;
  } & Expected<{
      readonly resources: readonly string[];
      readonly token_valid: boolean;
      readonly reason: string;
      readonly incomplete: boolean;
    }>)[];
  readonly guards: readonly (Named & {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly query?: string;
    readonly route: { readonly resource: string; readonly action: string };
    readonly fault?: { readonly openfga: "cut" };
    readonly explain_invalid_token?: boolean;
    readonly expect: {
      readonly status: number;
      readonly www_authenticate?: string;
      readonly www_authenticate_without?: string;
      readonly subject?: string;
      readonly body?: Readonly<Record<string, string | number>>;
    };
  })[];
}

/** The vectors of `clients/vectors/<name>.json` as they are written. */
export function readVectors<Name extends keyof Vectors>(name: Name): Vectors[Name] {
  return JSON.parse(readFileSync(new URL(`../../clients/vectors/${name}.json`, import.meta.url), "utf8"));
}

/** Returns the vectors with `${alias}` and `${alias.field}` replaced in all texts. */
export function filledIn<T>(vector: T, tokens: Description["tokens"]): T {
  const text = JSON.stringify(vector).replaceAll(/\$\{(\w+)(?:\.(\w+))?\}/g, (_, alias: string, field = "secret") => {
    const value = Object.entries(tokens[alias] ?? {}).find(([name]) => name === field)?.[1];
    if (value === undefined) throw new Error(`no ${field} of a token ${alias}`);
    return value;
  });
  return JSON.parse(text);
}
