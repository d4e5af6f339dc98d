import type { IncomingMessage, ServerResponse } from "node:http";

/** A plain endpoint beside the RPCs. HEAD is served where GET is. */
export interface Route {
  /** `*`: any. */
  readonly method: "GET" | "POST" | "*";
  /** Exact path without query, `/livez`. */
  readonly path: string;
  /** What it throws, or rejects with, is answered by a plain 500. */
  handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

/**
 * The body of a request ends before its end: its client has left, or was too slow and has had its answer. There is
 * nothing to answer.
 */
export class RequestCutOff extends Error {
  override readonly name = "RequestCutOff";
}

/** Answers in full; nothing may cache it unless `cacheControl` says so. */
export function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  cacheControl = "no-store",
): void {
  // Not by writeHead: end() then adds the length, and no client need know of chunks.
  response.statusCode = status;
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", cacheControl);
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, "application/json", JSON.stringify(body));
}
