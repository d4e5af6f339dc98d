import type { IncomingMessage, ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";

/** Answers whether it has answered the request by itself; else it has set what the answer needs besides. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * What the tracing of instrumented pages adds to every request: a preflight that does not admit it breaks the page
 * (supabase-js#2603).
 */
const tracingHeaders = [
  // W3C Trace Context and Baggage, as OpenTelemetry sends them
  ...["traceparent", "tracestate", "baggage"],
  // Zipkin's
  ...["b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"],
  ...["sentry-trace", "uber-trace-id", "newrelic", "elastic-apm-traceparent", "X-Cloud-Trace-Context"],
  ...["X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Origin", "X-Datadog-Sampling-Priority"],
  ...["X-Datadog-Tags", "X-Correlation-Id", "Request-Id", "Request-Context"],
];
/** What clients of Connect and gRPC-Web send, what we read besides, and what is not ours but harmless. */
const requestHeaders = [
  ...cors.allowedHeaders,
  ...["Authorization", "X-API-Key", "X-Request-Id", "Accept"],
  ...tracingHeaders,
].join(", ");
/** What a page may read besides the headers that every page may. */
const responseHeaders = [...cors.exposedHeaders, "Retry-After", "X-Request-Id"].join(", ");
const methods = cors.allowedMethods.join(", ");
/** Chrome keeps a preflight no longer. Seconds. */
const maxAge = "7200";

/**
 * Lets pages of these origins read the answers, and answers their preflights (Fetch standard, CORS protocol). Other
 * origins get no header of it: they are answered, and the browser keeps the answer from the page. Never with
 * credentials: nobody is known here by a cookie.
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
