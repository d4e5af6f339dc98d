/**
 * Guards routes of Hono 4, on Node: the client speaks gRPC.
 *
 * @packageDocumentation
 */
import type { Context, MiddlewareHandler } from "hono";
import type { PatwardenClient } from "./client.js";
import type { Allowed } from "./decision.js";
import { createGuard, type GuardOptions, type Route } from "./guard.js";

export type { GuardOptions, HostDecision, Permission, Refusal, Route } from "./guard.js";

/** What handlers behind a guard find in their context. */
export interface GuardedEnv {
  Variables: {
    /** The decision that let the request through. */
    patwarden: Allowed;
  };
}

/**
 * Makes middleware that lets only those through who may, and answers 401, 403 or 503 to others.
 *
 * ```ts
 * const guard = honoGuard(client, { clientIp: (context) => getConnInfo(context).remote.address });
 *
 * app.get("/documents/:id", guard((context) => ({ resource: `document:${context.req.param("id")}`, action: "viewer" })), (context) =>
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
    if (!verdict.allowed) return context.json(verdict.body, verdict.status, verdict.headers);
    context.set("patwarden", verdict);
    await next();
    return undefined;
  };
}

/** The Fetch standard joins what was sent twice with a comma and a blank, which no credential holds. */
function headersOf({ req }: Context) {
  const [authorization, apiKey] = [req.header("authorization"), req.header("x-api-key")];
  return {
    authorization: authorization === undefined ? [] : [authorization],
    apiKey: apiKey === undefined ? [] : [apiKey],
  };
}
