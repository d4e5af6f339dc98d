import type { IncomingMessage, ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";

/** Answers whether it has answered the request by itself; else it has set what the answer needs besides. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean;

/** What clients of Connect and gRPC-Web send, and what we read besides. */
const requestHeaders = [...cors.allowedHeaders, "Authorization", "X-API-Key", "X-Request-Id"].join(", ");
/** What a page may read besides the headers that every page may. */
const responseHeaders = [...cors.exposedHeaders, "Retry-After", "X-Request-Id"].join(", ");
const methods = cors.allowedMethods.join(", ");
/** Chrome keeps a preflight no longer. Seconds. */
const maxAge = "7200";

/**
 * Lets pages of these origins read the answers, and answers their preflights (Fetch standard, CORS protocol). Other origins get no header of it: they are
 * answered, and the browser keeps the answer from the page. Never with credentials: nobody is known here by a cookie.
 */
export function allowOrigins(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  return (request, response) => {
    // Also to those that are not listed, or a cache would give one page what was meant for another.
    response.setHeader("vary", "Origin");
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return false;
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-expose-headers", responseHeaders);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return false;
    response.setHeader("access-control-allow-methods", methods);
    response.setHeader("access-control-allow-headers", requestHeaders);
    response.setHeader("access-control-max-age", maxAge);
    response.statusCode = 204;
    response.end();
    return true;
  };
}
