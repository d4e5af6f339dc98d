/**
 * What the guards of Express, Fastify and Hono have in common, to build one for another framework.
 *
 * @packageDocumentation
 */
import type { PatwardenClient } from "./client.js";
import { type CredentialHeaders, credentialOf } from "./credential.js";
import type { Allowed, Denied } from "./decision.js";
import { PatwardenError } from "./errors.js";
import type { CheckOptions } from "./question.js";

export { type CredentialHeaders, credentialHeadersOf } from "./credential.js";

/** What the bearer of a request must be allowed to. */
export interface Permission {
  /** `type:id`, as `document:roadmap`. */
  readonly resource: string;
  /** A relation of the resource's type, as `viewer`. */
  readonly action: string;
}

/** What a route asks for: always the same, or by the request. What the function throws is the framework's. */
export type Route<Request> = Permission | ((request: Request) => Permission | Promise<Permission>);

/** What the host's own verifier says of the bearer of a credential that is not Patwarden's. */
export type HostDecision =
  | {
      readonly allowed: true;
      /** Who the bearer is, in the words of the subjects of tokens: `user:alice`. */
      readonly subject: string;
      readonly organization?: string | undefined;
      readonly expireTime?: Date | undefined;
      readonly claims?: Readonly<Record<string, string>> | undefined;
    }
  | { readonly allowed: false };

/** Options of a guard. */
export interface GuardOptions<Request> extends Pick<CheckOptions, "claims" | "consistency" | "timeoutMs"> {
  /** Names what is protected, in `WWW-Authenticate`: visible ASCII and blanks, without quotes and backslashes. Default `patwarden`. */
  readonly realm?: string | undefined;
  /**
   * The bearer's address. Default: it is not told, which refuses tokens that are limited to networks. Headers such as `X-Forwarded-For` are the bearer's
   * own words, unless a proxy of yours has written them.
   */
  readonly clientIp?: ((request: Request) => string | undefined) | undefined;
  /**
   * Judges credentials that do not begin with `<brand>_`, such as the access tokens of your web users: it verifies them, and decides. Undefined: the
   * credential is no good (401). That it throws means that no decision could be made (503). Default: none of them is any good.
   */
  readonly verify?:
    | ((
        credential: string,
        permission: Permission,
        request: Request,
      ) => HostDecision | undefined | Promise<HostDecision | undefined>)
    | undefined;
  /** Told of each request that is refused, before it is answered; for logs and metrics. */
  readonly onRefused?: ((refusal: Refusal, request: Request) => void) | undefined;
}

/** The answer to a request that is not let through. */
export interface Refusal {
  readonly allowed: false;
  /** 401: no credential, or none that is any good. 403: a good one, whose bearer may not. 503: no decision could be made. */
  readonly status: 401 | 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
  /** A JSON object. Only the holder of a good token is told the reason. */
  readonly body: Readonly<Record<string, string>>;
  /** Patwarden's, when that is why. */
  readonly decision?: Denied;
  /** Why no decision could be made. */
  readonly error?: unknown;
}

/**
 * Judges a request to a guarded route. What fails on the way is a refusal with status 503; it rejects only with what the route's own function throws.
 */
export type Guard<Request> = (
  route: Route<Request>,
  headers: CredentialHeaders,
  request: Request,
) => Promise<Allowed | Refusal>;

/** Throws TypeError for a realm that no header can hold. */
export function createGuard<Request>(
  client: Pick<PatwardenClient, "brand" | "check">,
  options: GuardOptions<Request> = {},
): Guard<Request> {
  const { realm = "patwarden", clientIp, verify, onRefused, ...checkOptions } = options;
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(realm)) throw new TypeError("realm must be visible ASCII without quotes");
  const challenge = `Bearer realm="${realm}"`;

  async function judge(credential: string, permission: Permission, request: Request): Promise<Allowed | Refusal> {
    if (credential.startsWith(`${client.brand}_`)) {
      const context = { clientIp: clientIp?.(request) };
      const decision = await client.check(credential, permission.resource, permission.action, {
        ...checkOptions,
        context,
      });
      if (decision.allowed) return decision;
      if (decision.tokenValid) return forbidden(decision);
      return unauthenticated(challenge, "invalid_token", explanationOf(decision), decision);
    }
    const decision = await verify?.(credential, permission, request);
    if (decision === undefined) return unauthenticated(challenge, "invalid_token", "the credential is not valid");
    return decision.allowed === true ? allowedByHost(decision) : forbidden();
  }

  async function answer(
    route: Route<Request>,
    headers: CredentialHeaders,
    request: Request,
  ): Promise<Allowed | Refusal> {
    const credential = credentialOf(headers);
    if (credential.kind === "none") return unauthorized(challenge);
    if (credential.kind === "unreadable") return unauthenticated(challenge, "invalid_request", credential.why);
    const permission = typeof route === "function" ? await route(request) : route;
    try {
      return await judge(credential.text, permission, request);
    } catch (error) {
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
  if (typeof subject !== "string" || subject === "")
    throw new TypeError("verify allowed it to nobody: subject is required");
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

/** What is wrong with the text anybody can find out; more is said to nobody who holds no good token. */
function explanationOf({ reason }: Denied): string {
  return reason === "TOKEN_MALFORMED" ? "the token is malformed; perhaps it was cut off" : "the token is not valid";
}

const noStore = { "Cache-Control": "no-store" };

/** RFC 6750 §3.1: no error code where no credential was shown. */
function unauthorized(challenge: string): Refusal {
  return {
    allowed: false,
    status: 401,
    headers: { ...noStore, "WWW-Authenticate": challenge },
    body: {
      error: "unauthorized",
      message: "no credential has arrived; send Authorization: Bearer, X-API-Key, or Basic with the token as password",
    },
  };
}

/** RFC 6750 §3.1: `invalid_request` where it cannot be told which credential is meant. */
function unauthenticated(
  challenge: string,
  error: "invalid_request" | "invalid_token",
  message: string,
  decision?: Denied,
): Refusal {
  return {
    allowed: false,
    status: 401,
    headers: { ...noStore, "WWW-Authenticate": `${challenge}, error="${error}", error_description="${message}"` },
    body: { error, message },
    ...(decision && { decision }),
  };
}

function forbidden(decision?: Denied): Refusal {
  return {
    allowed: false,
    status: 403,
    headers: noStore,
    body: {
      error: "forbidden",
      message: "the token does not allow this",
      ...(decision && { reason: decision.reason }),
    },
    ...(decision && { decision }),
  };
}

function unavailable(error: unknown): Refusal {
  const delayMs = error instanceof PatwardenError ? (error.retryDelayMs ?? 0) : 0;
  return {
    allowed: false,
    status: 503,
    headers: { ...noStore, "Retry-After": String(Math.max(1, Math.ceil(delayMs / 1_000))) },
    body: { error: "unavailable", message: "no decision could be made; try again" },
    error,
  };
}
