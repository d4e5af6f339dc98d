/**
 * Shared by the guards of Express, Fastify and Hono. Use it to build a guard for another framework.
 *
 * @packageDocumentation
 */
import type { PatwardenClient } from "./client.js";
import { type CredentialHeaders, credentialOf } from "./credential.js";
import type { Allowed, Denied, Reason } from "./decision.js";
import { PatwardenError } from "./errors.js";
import type { CheckOptions } from "./question.js";

export { type CredentialHeaders, credentialHeadersOf } from "./credential.js";

/** The permission that the bearer of a request needs. */
export interface Permission {
  /** `type:id`, for example `document:roadmap`. */
  readonly resource: string;
  /** A relation of the resource's type, for example `viewer`. */
  readonly action: string;
}

/**
 * The permission that a route needs: a fixed one, or a function of the request. The framework handles what it throws.
 */
export type Route<Request> = Permission | ((request: Request) => Permission | Promise<Permission>);

/** The answer of the host's own verifier about a credential that is not Patwarden's. */
export type HostDecision =
  | {
      readonly allowed: true;
      /** Who the bearer is, in the form of a token's subject: `user:alice`. */
      readonly subject: string;
      readonly organization?: string | undefined;
      readonly expireTime?: Date | undefined;
      readonly claims?: Readonly<Record<string, string>> | undefined;
    }
  | { readonly allowed: false };

/** Options of a guard. */
export interface GuardOptions<Request> extends Pick<CheckOptions, "claims" | "consistency" | "timeoutMs"> {
  /** The realm in `WWW-Authenticate`: printable ASCII without quotes and backslashes. Default `patwarden`. */
  readonly realm?: string | undefined;
  /**
   * Returns the bearer's address. Default: no address is sent, and tokens that are limited to networks are refused.
   * Anybody can send headers such as `X-Forwarded-For`: read one only if a proxy of yours sets it.
   */
  readonly clientIp?: ((request: Request) => string | undefined) | undefined;
  /**
   * Verifies and decides about credentials that do not begin with `<brand>_`, for example the access tokens of your web
   * users. Return undefined when the credential is not valid (401). Throw when no decision can be made (503). Default:
   * such credentials are not valid.
   */
  readonly verify?:
    | ((
        credential: string,
        permission: Permission,
        request: Request,
      ) => HostDecision | undefined | Promise<HostDecision | undefined>)
    | undefined;
  /**
   * Adds a `reason` to the 401 for a token that exists but cannot be used, for example `TOKEN_EXPIRED` or
   * `TOKEN_SUSPENDED`. Default false: a thief would learn which tokens were real, and which may become usable again.
   * Unknown and malformed tokens are never told apart, nor is it told that a token works from other networks.
   */
  readonly explainInvalidToken?: boolean | undefined;
  /** Receives one line for each 503, never with a credential. Default: `console`. To disable: `{ warn() {} }`. */
  readonly logger?: { warn(line: string): void } | undefined;
  /** Called for each refused request before it is answered, for example for metrics. */
  readonly onRefused?: ((refusal: Refusal, request: Request) => void) | undefined;
}

/** The answer to a request that is not allowed. */
export interface Refusal {
  readonly allowed: false;
  /** 401: no valid credential. 403: not permitted. 404: the id can never exist. 503: no decision could be made. */
  readonly status: keyof typeof titles;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
  /** Patwarden's decision, where there is one. */
  readonly decision?: Denied;
  /** Why no decision could be made. */
  readonly error?: unknown;
}

/** The body of a refusal, `application/problem+json` (RFC 9457). */
export interface Problem {
  readonly type: "about:blank";
  /** The name of the status, for example `Forbidden`. */
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The reason of the decision or error, for example `NOT_PERMITTED`. */
  readonly reason?: string;
}

const titles = { 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable" } as const;

/** Reasons for which a token cannot be used by anybody now. Others would help a thief. */
const explained: ReadonlySet<Reason> = new Set<Reason>([
  "TOKEN_EXPIRED",
  "TOKEN_NOT_YET_VALID",
  "TOKEN_REVOKED",
  "TOKEN_SUPERSEDED",
  "TOKEN_SUSPENDED",
  "TOKEN_PENDING_APPROVAL",
  "SUBJECT_DISABLED",
]);

/** Decides about a request to a guarded route. Rejects only with what the route's own function throws. */
export type Guard<Request> = (
  route: Route<Request>,
  headers: CredentialHeaders,
  request: Request,
) => Promise<Allowed | Refusal>;

/** Throws TypeError for a realm that a header cannot hold. */
export function createGuard<Request>(
  client: Pick<PatwardenClient, "brand" | "check">,
  options: GuardOptions<Request> = {},
): Guard<Request> {
  const { realm = "patwarden", clientIp, verify, explainInvalidToken, logger = console, ...rest } = options;
  const { onRefused, ...checkOptions } = rest;
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(realm))
    throw new TypeError("realm must be printable ASCII without quotes");
  const challenge = `Bearer realm="${realm}"`;

  function invalidToken(decision?: Denied): Refusal {
    const isExplained = explainInvalidToken && decision && explained.has(decision.reason);
    return {
      ...refusal(
        401,
        "The token is not valid: it may be incomplete, expired or revoked.",
        isExplained ? decision.reason : undefined,
        { "WWW-Authenticate": `${challenge}, error="invalid_token"` },
      ),
      ...(decision && { decision }),
    };
  }

  async function judge(credential: string, permission: Permission, request: Request): Promise<Allowed | Refusal> {
    if (credential.startsWith(`${client.brand}_`)) {
      const context = { clientIp: clientIp?.(request) };
      const { resource, action } = permission;
      const decision = await client.check(credential, resource, action, { ...checkOptions, context });
      if (decision.allowed) return decision;
      return decision.tokenValid ? forbidden(decision) : invalidToken(decision);
    }
    const decision = await verify?.(credential, permission, request);
    if (decision === undefined) return invalidToken();
    return decision.allowed === true ? allowedByHost(decision) : forbidden();
  }

  async function answer(
    route: Route<Request>,
    headers: CredentialHeaders,
    request: Request,
  ): Promise<Allowed | Refusal> {
    const credential = credentialOf(headers);
    if (credential.kind === "none") return noCredential(challenge);
    if (credential.kind === "unreadable") return noCredential(`${challenge}, error="invalid_request"`);
    const permission = typeof route === "function" ? await route(request) : route;
    if (hasImpossibleId(permission.resource)) return refusal(404, "There is no such resource.");
    try {
      return await judge(credential.text, permission, request);
    } catch (error) {
      logger.warn(lineOf(permission, error).replaceAll(credential.text, "[redacted]"));
      return unavailable(error);
    }
  }

  return async (route, headers, request) => {
    const verdict = await answer(route, headers, request);
    if (!verdict.allowed) onRefused?.(verdict, request);
    return verdict;
  };
}

function allowedByHost(decision: Extract<HostDecision, { allowed: true }>): Allowed {
  const { subject, organization, expireTime, claims = {} } = decision;
  if (typeof subject !== "string" || subject === "") throw new TypeError("verify must return a subject when it allows");
  return {
    allowed: true,
    tokenValid: true,
    reason: "ALLOWED",
    subject,
    tokenId: undefined,
    organization,
    expireTime,
    claims,
  };
}

/**
 * Returns true when the part after the first colon, which comes from the bearer, can never be an id of the server. The
 * part before it comes from the route: a type that cannot exist is a mistake of the host, and a 503.
 */
function hasImpossibleId(resource: string): boolean {
  const colon = resource.indexOf(":");
  if (!/^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(resource.slice(0, Math.max(colon, 0)))) return false;
  return resource.length > 256 || !/^[A-Za-z0-9_\-./@+=~|]{1,200}$/.test(resource.slice(colon + 1));
}

function refusal(
  status: Refusal["status"],
  detail: string,
  reason?: string,
  headers: Readonly<Record<string, string>> = {},
): Refusal {
  return {
    allowed: false,
    status,
    headers: { "Cache-Control": "no-store", "Content-Type": "application/problem+json", ...headers },
    body: { type: "about:blank", title: titles[status], status, detail, ...(reason !== undefined && { reason }) },
  };
}

/**
 * RFC 6750 §3.1: a request without a credential gets no error code, an unreadable or ambiguous one `invalid_request`.
 */
function noCredential(challenge: string): Refusal {
  const detail = "Send one token: as Authorization: Bearer, as X-API-Key or as the password of Basic.";
  return refusal(401, detail, undefined, { "WWW-Authenticate": challenge });
}

function forbidden(decision?: Denied): Refusal {
  return { ...refusal(403, "The token does not allow this.", decision?.reason), ...(decision && { decision }) };
}

function unavailable(error: unknown): Refusal {
  const known = error instanceof PatwardenError ? error : undefined;
  const retryAfter = String(Math.max(1, Math.ceil((known?.retryDelayMs ?? 0) / 1_000)));
  const detail = "No decision could be made. Try again.";
  return { ...refusal(503, detail, known?.reason, { "Retry-After": retryAfter }), error };
}

/** One line with code, reason, request id and cause. The message of a gRPC error already holds its cause. */
function lineOf({ resource, action }: Permission, error: unknown): string {
  const id = error instanceof PatwardenError && error.requestId !== undefined ? ` (request ${error.requestId})` : "";
  const { cause } = error instanceof Error ? error : {};
  const causeText = cause instanceof Error && !("details" in cause) ? `; cause: ${cause}` : "";
  const line = `patwarden: no decision about ${action} of ${resource}: ${error}${id}${causeText}`;
  return line.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}
