import type { Socket } from "node:net";
import { hasPermission } from "../../callers/authorize.js";
import type { Permission, ServiceCaller } from "../../callers/caller.js";
import type { Services } from "../../callers/services.js";
import { bearerOf } from "../../domain/bearer.js";
import type { RateLimiter } from "../../domain/rate-limiter.js";
import { clientNameOf } from "../../transport/client-certificate.js";
import { isThere, type RawHeaders } from "../shared/raw-headers.js";
import { invalidRequest, OAuthError, tooManyRequests } from "./form.js";

export interface OAuthCallerOptions {
  readonly services: Pick<Services, "withKey" | "withCertificate">;
  /** Limits each caller. Absent: any number of requests. */
  readonly limiter: Pick<RateLimiter, "waitMs"> | undefined;
}

/** The parts of a request that may identify its caller. */
export interface OAuthRequest {
  readonly headers: RawHeaders;
  readonly parameters: ReadonlyMap<string, string>;
  readonly socket: Socket;
}

/**
 * Authenticates the calling service by exactly one method (RFC 6749 §2.3): its key as the password of Basic or as
 * `client_secret`, with its configured name as the client id; its key as a bearer token; or, without any of these, its
 * client certificate (RFC 8705 §2.1). Throws an OAuthError, also when the caller lacks the permission or calls too
 * fast.
 */
export function oauthCaller(options: OAuthCallerOptions, request: OAuthRequest, permission: Permission): ServiceCaller {
  const caller = knownCaller(options, request);
  // A `client_id` beside another method must not name another caller.
  const named = request.parameters.get("client_id");
  if (!caller || (named !== undefined && named !== caller.name)) {
    throw new OAuthError(401, "invalid_client", "the caller is unknown");
  }
  if (!hasPermission(caller, permission)) {
    throw new OAuthError(400, "unauthorized_client", `the caller lacks the permission ${permission}`);
  }
  if (options.limiter && options.limiter.waitMs(caller.name) > 0) throw tooManyRequests();
  return caller;
}

/** Returns whether a request has no key and no certificate of a service. A `client_id` alone proves nothing. */
export function showsNobody(
  { services }: Pick<OAuthCallerOptions, "services">,
  { headers, parameters, socket }: OAuthRequest,
): boolean {
  return (
    !isThere(headers, "authorization") &&
    !parameters.has("client_secret") &&
    !services.withCertificate(clientNameOf(socket))
  );
}

function knownCaller(
  { services }: Pick<OAuthCallerOptions, "services">,
  { headers, parameters, socket }: OAuthRequest,
): ServiceCaller | undefined {
  const authorizations = headers.flatMap(([name, value]) => (name === "authorization" ? [value] : []));
  const [authorization] = authorizations;
  const posted = parameters.get("client_secret");
  if (authorizations.length > 1 || (authorization !== undefined && posted !== undefined))
    throw invalidRequest("only one method of caller authentication is allowed in a request");
  if (authorization === undefined && posted === undefined) return services.withCertificate(clientNameOf(socket));
  const shown = authorization === undefined ? fromBody(parameters) : fromHeader(authorization);
  const caller = shown && services.withKey(shown.key);
  return shown?.name === undefined || shown.name === caller?.name ? caller : undefined;
}

interface Shown {
  readonly name?: string;
  readonly key: string;
}

function fromBody(parameters: ReadonlyMap<string, string>): Shown | undefined {
  const name = parameters.get("client_id");
  const key = parameters.get("client_secret");
  return name !== undefined && key !== undefined ? { name, key } : undefined;
}

function fromHeader(authorization: string): Shown | undefined {
  const [, base64] = /^[ \t]*basic[ \t]+([A-Za-z0-9+/]+={0,2})[ \t]*$/i.exec(authorization) ?? [];
  if (base64 === undefined) {
    const key = bearerOf(authorization);
    return key === undefined ? undefined : { key };
  }
  const [name = "", ...rest] = Buffer.from(base64, "base64").toString("latin1").split(":");
  try {
    // Both are form-encoded before they are joined (RFC 6749 §2.3.1).
    return { name: decodeURIComponent(name), key: decodeURIComponent(rest.join(":")) };
  } catch {
    return undefined;
  }
}
