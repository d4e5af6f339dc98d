import type { Awaitable } from "../domain/awaitable.js";
import { bearerOf, maxCredentialHeader } from "../domain/bearer.js";
import { Failure } from "../domain/errors.js";
import type { Address } from "../domain/network.js";
import { hasPermission } from "./authorize.js";
import type { Caller, ServiceCaller, TokenCaller, UserCaller } from "./caller.js";
import type { OidcVerifier } from "./oidc/oidc.js";
import type { Services } from "./services.js";

/** The credentials of a call. Reading the name or the address costs time, so they are read only when needed. */
export interface Credentials {
  /** Returns a header by its lower-case name. */
  header(name: string): string | undefined;
  /**
   * The name of the client's verified certificate, see client-certificate.ts. It counts only without `authorization`.
   */
  readonly clientName: string | undefined;
  /** The address of the client, or undefined when it is not known. It counts only for a Patwarden token. */
  readonly address: Address | undefined;
  /** Instant of `performance.now()` after which the caller no longer waits. Absent: no limit. */
  readonly deadline?: number | undefined;
}

/** The header of the user's own access token, passed on by a service. */
export const userHeader = "patwarden-user-authorization";

export interface AuthenticationOptions {
  readonly services: Pick<Services, "find">;
  /** Verifies access tokens of the configured issuers. Throws ISSUER_UNAVAILABLE when their keys cannot be fetched. */
  readonly users: Pick<OidcVerifier, "verify">;
  /** Resolves Patwarden's own tokens. Returns undefined for anything else, and for a token that has ended. */
  readonly tokens: (
    secret: string,
    address: Address | undefined,
    deadline: number | undefined,
  ) => Promise<TokenCaller | undefined>;
}

type People = Omit<AuthenticationOptions, "services">;

/** Authenticates callers. */
export interface Authenticator {
  /**
   * Returns the caller, or undefined when the credentials prove none; the reason is not exposed. Throws when a
   * credential could not be verified.
   */
  authenticate(credentials: Credentials): Awaitable<Caller | undefined>;
}

/** Returns the error for a malformed header. It reveals nothing about any credential. */
function unreadable(header: string, value: string): Failure {
  const problem =
    value.length > maxCredentialHeader
      ? `the ${header} header has more than ${maxCredentialHeader} characters`
      : `the ${header} header must be "Bearer", a space and one credential`;
  return new Failure("CALLER_UNAUTHENTICATED", { metadata: { problem } });
}

/** Authenticates a service by its key or client certificate, a user by an access token, or a Patwarden token. */
export function createAuthenticator(options: AuthenticationOptions): Authenticator {
  const { services } = options;
  return {
    authenticate(call) {
      const service = services.find(call.header("authorization"), () => call.clientName);
      const userAuthorization = call.header(userHeader);
      // The hot path: a service needs no promise.
      if (userAuthorization === undefined) return service ?? userOrToken(options, call);
      if (!service) return undefined;
      // To act for a user, a service needs the permission and the user's own token.
      if (!hasPermission(service, "tokens.behalf")) {
        throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "tokens.behalf" } });
      }
      const passedOn = bearerOf(userAuthorization);
      if (passedOn === undefined) throw unreadable(userHeader, userAuthorization);
      return userOf(options, passedOn, service);
    },
  };
}

async function userOrToken(people: People, call: Credentials): Promise<Caller | undefined> {
  const authorization = call.header("authorization");
  if (authorization === undefined) return undefined;
  const credential = bearerOf(authorization);
  if (credential === undefined) throw unreadable("authorization", authorization);
  return (await people.tokens(credential, call.address, call.deadline)) ?? userOf(people, credential);
}

async function userOf({ users }: People, token: string, via?: ServiceCaller): Promise<UserCaller | undefined> {
  const identity = await users.verify(token);
  if (!identity) return undefined;
  const { subject, signIn } = identity;
  // Otherwise a web page that acts for its users would control the whole deployment once an administrator opens it.
  const admin = identity.admin && (via === undefined || hasPermission(via, "admin"));
  return { kind: "user", subject, admin, ...(via && { via }), signIn };
}

/**
 * Authenticates on a public port: only users and Patwarden tokens. Service keys and certificates are not accepted, and
 * no service can pass on a user's token.
 */
export function createPublicAuthenticator(people: People): Authenticator {
  return { authenticate: (call) => userOrToken(people, call) };
}

/** The caller of every call when caller authentication is off. */
const everybody: ServiceCaller = { kind: "service", name: "everybody", permissions: new Set(["admin"]) };

/** Makes every caller an administrator, with or without credentials (`dangerously_disable_caller_authentication`). */
export const noAuthentication: Authenticator = { authenticate: () => everybody };
