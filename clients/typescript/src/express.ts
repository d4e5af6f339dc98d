/**
 * Guards routes of Express 4 and 5.
 *
 * @packageDocumentation
 */
import type { Request, RequestHandler } from "express";
import type { PatwardenClient } from "./client.js";
import type { Allowed } from "./decision.js";
import { createGuard, credentialHeadersOf, type GuardOptions, type Route } from "./guard.js";

export type { GuardOptions, HostDecision, Permission, Problem, Refusal, Route } from "./guard.js";

declare global {
  namespace Express {
    interface Request {
      /** The decision that allowed the request. Set only behind a guard: elsewhere, reading its subject throws. */
      patwarden: Allowed;
    }
  }
}

/**
 * Makes middleware that allows only permitted requests and answers others with 401, 403, 404 or 503.
 *
 * ```ts
 * const guard = expressGuard(client, { clientIp: (request) => request.ip });
 *
 * app.get("/documents/:id", guard((request) => ({ resource: `document:${request.params.id}`, action: "viewer" })),
 * (request, response) => {
 *   response.json({ hello: request.patwarden.subject });
 * });
 * ```
 */
export function expressGuard(
  client: Pick<PatwardenClient, "brand" | "check">,
  options?: GuardOptions<Request>,
): (route: Route<Request>) => RequestHandler {
  const guard = createGuard(client, options);
  return (route) => async (request, response, next) => {
    try {
      const verdict = await guard(route, credentialHeadersOf(request.rawHeaders), request);
      if (!verdict.allowed) {
        response.status(verdict.status).set(verdict.headers).send(JSON.stringify(verdict.body));
        return;
      }
      request.patwarden = verdict;
    } catch (error) {
      // Express 4 ignores the promise that a handler returns.
      next(error);
      return;
    }
    next();
  };
}
