import type { IncomingMessage } from "node:http";
import { mediaTypeOf, readBody } from "../shared/body.js";

/** RFC 6749 §5.2. */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  readonly status: number;
  readonly error: string;

  /** `description` is fixed ASCII for each code and situation, never input. */
  constructor(status: number, error: string, description: string) {
    super(description);
    this.status = status;
    this.error = error;
  }
}

const maxBytes = 16 * 1024;

/**
 * The parameters of a request: form-encoded in the body, each at most once (RFC 6749 §3.2), none in the query, where
 * logs would find it. Throws an OAuthError; `repeated` has another one for a parameter of which it is no fault of form
 * to be there twice.
 */
export async function readForm(
  request: IncomingMessage,
  repeated: (name: string) => OAuthError | undefined = () => undefined,
): Promise<ReadonlyMap<string, string>> {
  if (mediaTypeOf(request) !== "application/x-www-form-urlencoded")
    throw invalidRequest("the body must be application/x-www-form-urlencoded");
  if (request.url?.includes("?")) throw invalidRequest("parameters belong into the body");
  const body = await readBody(request, maxBytes);
  if (body === undefined) throw invalidRequest("the body must have at most 16 KiB");
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (parameters.has(name)) throw repeated(name) ?? invalidRequest("a parameter is there twice");
    parameters.set(name, value);
  }
  return parameters;
}

/** A parameter that must be there. */
export function required(parameters: ReadonlyMap<string, string>, name: string): string {
  const value = parameters.get(name);
  if (value === undefined || value === "") throw invalidRequest(`${name} is required`);
  return value;
}

/** RFC 6749 names no error for it; the status tells it from a server that cannot decide (RFC 6585 §4). */
export function tooManyRequests(): OAuthError {
  return new OAuthError(429, "temporarily_unavailable", "too many requests; ask again later");
}

export function invalidRequest(description: string): OAuthError {
  return new OAuthError(400, "invalid_request", description);
}
