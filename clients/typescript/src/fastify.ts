/**
 * Guards routes of Fastify 5.
 *
 * @packageDocumentation
 */
import type { FastifyReply, FastifyRequest, RouteGenericInterface } from "fastify";
import type { PatwardenClient } from "./client.js";
import type { Allowed } from "./decision.js";
import { createGuard, credentialHeadersOf, type GuardOptions, type Route } from "./guard.js";

export type { GuardOptions, HostDecision, Permission, Problem, Refusal, Route } from "./guard.js";

declare module "fastify" {
  interface FastifyRequest {
    /** The decision that allowed the request. Set only behind a guard: elsewhere, reading its subject throws. */
    patwarden: Allowed;
  }
}

/** A hook for `onRequest` or later. */
export type GuardHook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/**
 * Makes hooks that allow only permitted requests and answer others with 401, 403, 404 or 503.
 *
 * ```ts
 * const guard = fastifyGuard(client, { clientIp: (request) => request.ip }); const view = guard<{ Params: { id: string
 * } }>(({ params }) => ({ resource: `document:${params.id}`, action: "viewer" }));
 *
 * app.get("/documents/:id", { onRequest: view }, async (request) => ({ hello: request.patwarden.subject }));
 * ```
 */
export function fastifyGuard(
  client: Pick<PatwardenClient, "brand" | "check">,
  options?: GuardOptions<FastifyRequest>,
): <G extends RouteGenericInterface = RouteGenericInterface>(route: Route<FastifyRequest<G>>) => GuardHook {
  const guard = createGuard(client, options);
  return (route) => async (request, reply) => {
    // The caller names the type of its own route's parameters.
    const verdict = await guard(route as Route<FastifyRequest>, credentialHeadersOf(request.raw.rawHeaders), request);
    if (!verdict.allowed) return reply.code(verdict.status).headers(verdict.headers).send(verdict.body);
    request.patwarden = verdict;
    return undefined;
  };
}
