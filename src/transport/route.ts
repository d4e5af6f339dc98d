import type { IncomingMessage, ServerResponse } from "node:http";

/** A plain endpoint next to the RPCs. HEAD is served where GET is. */
export interface Route {
  /** `*`: any method. */
  readonly method: "GET" | "POST" | "*";
  /** The exact path without a query, `/livez`, or a pattern of the whole path. */
  readonly path: string | RegExp;
  /** When this throws or rejects, the answer is a plain 500. */
  handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

/**
 * The error of a body that was cut off: the client has left, or was too slow and already has its answer. There is
 * nothing to answer.
 */
export class RequestCutOff extends Error {
  override readonly name = "RequestCutOff";
}

/** Sends a complete answer. It must not be cached unless `cacheControl` says so. */
export function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  cacheControl = "no-store",
): void {
  // Not by writeHead: then end() adds the length, and clients need not support chunks.
  response.statusCode = status;
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", cacheControl);
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, "application/json", JSON.stringify(body));
}
