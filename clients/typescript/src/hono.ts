/**
 * Guards routes of Hono 4, on Node: the client speaks gRPC.
 *
 * @packageDocumentation
 */
import type { Context, MiddlewareHandler } from "hono";
import type { PatwardenClient } from "./client.js";
import type { Allowed } from "./decision.js";
import { createGuard, type GuardOptions, type Route } from "./guard.js";

export type { GuardOptions, HostDecision, Permission, Problem, Refusal, Route } from "./guard.js";

/** The context of handlers behind a guard. */
export interface GuardedEnv {
  Variables: {
    /** The decision that allowed the request. */
    patwarden: Allowed;
  };
}

/**
 * Makes middleware that allows only permitted requests and answers others with 401, 403, 404 or 503.
 *
 * ```ts
 * const guard = honoGuard(client, { clientIp: (context) => getConnInfo(context).remote.address });
 *
 * app.get("/documents/:id", guard((context) => ({ resource: `document:${context.req.param("id")}`, action: "viewer"
 * })), (context) =>
 *   context.json({ hello: context.var.patwarden.subject }),
 * );
 * ```
 */
export function honoGuard(
  client: Pick<PatwardenClient, "brand" | "check">,
  options?: GuardOptions<Context>,
): (route: Route<Context>) => MiddlewareHandler<GuardedEnv> {
  const guard = createGuard(client, options);
  return (route) => async (context, next) => {
    const verdict = await guard(route, headersOf(context), context);
    if (!verdict.allowed) return context.body(JSON.stringify(verdict.body), verdict.status, verdict.headers);
    context.set("patwarden", verdict);
    await next();
    return undefined;
  };
}

/** Fetch joins repeated headers with a comma and a blank, which no credential contains: two are refused. */
function headersOf({ req }: Context) {
  const [authorization, apiKey] = [req.header("authorization"), req.header("x-api-key")];
  return {
    authorization: authorization === undefined ? [] : [authorization],
    apiKey: apiKey === undefined ? [] : [apiKey],
  };
}
