import { bearerOf } from "../../access/bearer.js";
import type { Permission, ServiceCaller } from "../../access/caller.js";
import { hasPermission } from "../../access/rules.js";
import type { ServiceKeys } from "../../access/service-keys.js";
import type { RawHeaders } from "../raw-headers.js";
import { invalidRequest, OAuthError } from "./form.js";

/**
 * The service that calls, by one way alone (RFC 6749 §2.3): its key as the password of Basic or as `client_secret`, with its configured name as the
 * client id, or its key as a bearer. Throws an OAuthError.
 */
export function oauthCaller(
  serviceKeys: Pick<ServiceKeys, "find">,
  headers: RawHeaders,
  parameters: ReadonlyMap<string, string>,
  permission: Permission,
): ServiceCaller {
  const authorizations = headers.flatMap(([name, value]) => (name === "authorization" ? [value] : []));
  const [authorization] = authorizations;
  const posted = parameters.get("client_secret");
  if (authorizations.length > 1 || (authorization !== undefined && posted !== undefined))
    throw invalidRequest("one way of caller authentication is admitted in a request");
  const shown = authorization === undefined ? fromBody(parameters) : fromHeader(authorization);
  const caller = shown && serviceKeys.find(shown.key);
  if (!caller || (shown.name !== undefined && shown.name !== caller.name)) {
    throw new OAuthError(401, "invalid_client", "the caller is not known");
  }
  // A public hint beside another way must not name somebody else.
  const named = parameters.get("client_id");
  if (named !== undefined && named !== caller.name)
    throw new OAuthError(401, "invalid_client", "the caller is not known");
  if (!hasPermission(caller, permission)) {
    throw new OAuthError(400, "unauthorized_client", `the caller lacks the permission ${permission}`);
  }
  return caller;
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
