import type { ServerResponse } from "node:http";
import { Failure } from "../../domain/errors.js";
import { RequestCutOff, sendJson } from "../../transport/route.js";

/** An error reply in the format of Connect errors, which clients of the API can show. */
export interface Refusal {
  readonly status: keyof typeof codes;
  /** Fixed ASCII, never input. */
  readonly message: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

const codes = {
  400: "invalid_argument",
  401: "unauthenticated",
  413: "resource_exhausted",
  422: "invalid_argument",
  429: "resource_exhausted",
  503: "unavailable",
} as const;

export function sendRefusal(response: ServerResponse, { status, message, headers = [] }: Refusal): void {
  for (const [name, value] of headers) response.setHeader(name, value);
  sendJson(response, status, { code: codes[status], message });
}

/**
 * Returns the refusal for a request that could not be decided and should be repeated. Calls `onDefect` for unexpected
 * errors. Throws a RequestCutOff again: a client that disconnects in the middle of a body must not be able to fill the
 * log.
 */
export function undecided(error: unknown, onDefect: (error: unknown) => void): Refusal {
  if (error instanceof RequestCutOff) throw error;
  if (!(error instanceof Failure) || error.reason === "INTERNAL") onDefect(error);
  return { status: 503, message: "no decision could be made; try again", headers: [["retry-after", "1"]] };
}

/** Returns the refusal for a caller that has to wait `waitMs`. */
export function tooFast(waitMs: number): Refusal {
  const seconds = String(Math.ceil(waitMs / 1000));
  return { status: 429, message: "too many calls; try again later", headers: [["retry-after", seconds]] };
}
