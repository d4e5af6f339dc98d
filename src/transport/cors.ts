import type { IncomingMessage, ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";

/** Returns whether it has answered the request by itself. Otherwise it has set the headers that the answer needs. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * Headers that the tracing of pages adds to each request: a preflight without them breaks the page (supabase-js#2603).
 */
const tracingHeaders = [
  // W3C Trace Context and Baggage, as OpenTelemetry sends them.
  ...["traceparent", "tracestate", "baggage"],
  // Zipkin's headers.
  ...["b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"],
  ...["sentry-trace", "uber-trace-id", "newrelic", "elastic-apm-traceparent", "X-Cloud-Trace-Context"],
  ...["X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Origin", "X-Datadog-Sampling-Priority"],
  ...["X-Datadog-Tags", "X-Correlation-Id", "Request-Id", "Request-Context"],
];
/** Headers of Connect and gRPC-Web clients, other headers that we read, and harmless headers that we do not read. */
const requestHeaders = [
  ...cors.allowedHeaders,
  ...["Authorization", "X-API-Key", "X-Request-Id", "Accept"],
  ...tracingHeaders,
].join(", ");
/** Headers that a page may read besides those that every page may read. */
const responseHeaders = [...cors.exposedHeaders, "Retry-After", "WWW-Authenticate", "X-Request-Id"].join(", ");
const methods = cors.allowedMethods.join(", ");
/** The longest time for which Chrome keeps a preflight. Seconds. */
const maxAge = "7200";

/**
 * Lets pages of these origins read the answers, and answers their preflights (Fetch standard, CORS protocol). Other
 * origins get no CORS header: they are answered, and the browser hides the answer from the page. Credentials are never
 * allowed: no caller is authenticated by a cookie.
 */
export function allowOrigins(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  return (request, response) => {
    // Also for origins that are not listed: otherwise a cache would give one page the answer for another.
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
