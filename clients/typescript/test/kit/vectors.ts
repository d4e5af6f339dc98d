import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import type { CheckItem, Consistency, Decision, PatwardenError, RequestContext } from "../../src/index.js";
import { environment, present, tokenOf } from "./environment.js";

export interface ExpectedDecision {
  readonly allowed: boolean;
  readonly reason: string;
  readonly token_valid: boolean;
  readonly subject?: string;
  readonly token_id?: string;
  readonly organization?: string;
  readonly claims?: Readonly<Record<string, string>>;
  readonly expires?: boolean;
}

export interface ExpectedError {
  readonly code: string;
  readonly reason: string;
  readonly fields?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retry_delay?: boolean;
}

type Token = string | { readonly text: string };

export interface Question {
  readonly token: Token;
  readonly resource: string;
  readonly action: string;
  readonly context?: { readonly client_ip?: string; readonly usage_units?: number; readonly usage_id?: string };
  readonly consistency?: Consistency;
}

interface Named {
  readonly name: string;
}

type Expected<Answer> =
  | { readonly expect: Answer; readonly error?: undefined }
  | { readonly error: ExpectedError; readonly expect?: undefined };

export interface Vectors {
  readonly secrets: Named & {
    readonly text: string;
    readonly brand: string;
    readonly wellFormed: boolean;
    readonly kind?: string;
    readonly hint?: string;
  };
  readonly checks: Named & Question & { readonly claims?: readonly string[] } & Expected<ExpectedDecision>;
  readonly batches: Named & {
    readonly items: readonly Question[];
    readonly expect: readonly (ExpectedDecision | { readonly error: ExpectedError })[];
  };
  readonly errors: Named & {
    readonly key: string;
    readonly call: string;
    readonly request: JsonObject;
    readonly error: ExpectedError;
  };
  readonly lists: Named &
    Pick<Question, "token" | "context"> & {
      readonly type: string;
      readonly action: string;
    } & Expected<{
      readonly resources: readonly string[];
      readonly token_valid: boolean;
      readonly reason: string;
      readonly incomplete: boolean;
    }>;
  readonly guards: Named & {
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
  };
}

/** The vectors of one file, secrets and ids filled in. */
export function vectors<Name extends keyof Vectors>(name: Name): readonly Vectors[Name][] {
  const text = readFileSync(join(environment.vectors, `${name}.json`), "utf8");
  return JSON.parse(
    text.replaceAll(/\$\{(\w+)(?:\.(\w+))?\}/g, (_, alias: string, field = "secret") =>
      present(new Map(Object.entries(tokenOf(alias))).get(field), `${field} of ${alias}`),
    ),
  );
}

export function secretOf(token: Token): string {
  return typeof token === "string" ? tokenOf(token).secret : token.text;
}

export function itemOf({ token, resource, action, context, consistency }: Question): CheckItem {
  return {
    token: secretOf(token),
    resource,
    action,
    ...(context && { context: contextOf(context) }),
    ...(consistency && { consistency }),
  };
}

export function contextOf(context: NonNullable<Question["context"]>): RequestContext {
  return { clientIp: context.client_ip, usageUnits: context.usage_units, usageId: context.usage_id };
}

/** A decision in the shape of an expectation that is whole. */
export function shown(decision: Decision) {
  return {
    allowed: decision.allowed,
    reason: decision.reason,
    token_valid: decision.tokenValid,
    subject: decision.subject,
    token_id: decision.tokenId,
    organization: decision.organization,
    claims: decision.claims,
    expires: decision.expireTime !== undefined,
  };
}

/** Fills in the fields that are absent in an expectation and empty in the answer. */
export function whole(expected: ExpectedDecision) {
  return {
    subject: undefined,
    organization: undefined,
    claims: {},
    expires: false,
    ...expected,
    token_id: expected.token_id === undefined ? undefined : tokenOf(expected.token_id).id,
  };
}

/** An error in the shape of an expectation that is whole. */
export function shownError(error: PatwardenError) {
  return {
    code: error.code,
    reason: error.reason,
    fields: error.fieldViolations.map(({ field }) => field).toSorted(),
    metadata: error.metadata,
    retry_delay: error.retryDelayMs !== undefined,
  };
}
