import type { IncomingMessage, ServerResponse } from "node:http";
import { Failure } from "../failure/failure.js";
import { sendJson } from "../http/route.js";

/** An answer that is no success, in the shape of Connect's errors, which clients of the API know how to show. */
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

export function sendRefusal(
  _request: IncomingMessage,
  response: ServerResponse,
  { status, message, headers = [] }: Refusal,
): void {
  for (const [name, value] of headers) response.setHeader(name, value);
  sendJson(response, status, { code: codes[status], message });
}

/** For what could not be answered: neither yes nor no, to be asked again. `onDefect` is told of what was not expected. */
export function undecided(request: IncomingMessage, error: unknown, onDefect: (error: unknown) => void): Refusal {
  const expected = error instanceof Failure ? error.reason !== "INTERNAL" : hasLeft(request, error);
  if (!expected) onDefect(error);
  return { status: 503, message: "no answer could be given; ask again", headers: [["retry-after", "1"]] };
}

/** Whoever leaves in the middle of a body must not be able to fill the log with it. */
function hasLeft({ errored }: IncomingMessage, error: unknown): boolean {
  return errored !== null && errored === error;
}

/** For whoever has to wait so many milliseconds. */
export function tooFast(waitMs: number): Refusal {
  const seconds = String(Math.ceil(waitMs / 1000));
  return { status: 429, message: "too many calls; try again later", headers: [["retry-after", seconds]] };
}
