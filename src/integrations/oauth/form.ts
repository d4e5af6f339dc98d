import type { IncomingMessage } from "node:http";
import { mediaTypeOf, readBody } from "../shared/body.js";

/** An error response (RFC 6749 §5.2). */
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
 * Reads the parameters of a request: form-encoded in the body, each at most once (RFC 6749 §3.2), none in the query,
 * which logs would show. Throws an OAuthError. `repeated` may return another error for a parameter that appears twice.
 */
export async function readForm(
  request: IncomingMessage,
  repeated: (name: string) => OAuthError | undefined = () => undefined,
): Promise<ReadonlyMap<string, string>> {
  if (mediaTypeOf(request) !== "application/x-www-form-urlencoded")
    throw invalidRequest("the body must be application/x-www-form-urlencoded");
  if (request.url?.includes("?")) throw invalidRequest("parameters must be in the body");
  const body = await readBody(request, maxBytes);
  if (body === undefined) throw invalidRequest("the body must have at most 16 KiB");
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (parameters.has(name)) throw repeated(name) ?? invalidRequest("a parameter appears twice");
    parameters.set(name, value);
  }
  return parameters;
}

/** Returns a parameter. Throws when it is missing or empty. */
export function required(parameters: ReadonlyMap<string, string>, name: string): string {
  const value = parameters.get(name);
  if (value === undefined || value === "") throw invalidRequest(`${name} is required`);
  return value;
}

/**
 * Returns the error for too many requests. RFC 6749 has no code for it; the status 429 (RFC 6585 §4) distinguishes it
 * from a server that cannot decide.
 */
export function tooManyRequests(): OAuthError {
  return new OAuthError(429, "temporarily_unavailable", "too many requests; ask again later");
}

export function invalidRequest(description: string): OAuthError {
  return new OAuthError(400, "invalid_request", description);
}
