import { bearerOf, maxCredentialHeader } from "../domain/bearer.js";
import { Failure } from "../domain/errors.js";
import type { Address } from "../domain/network.js";
import { hasPermission } from "./authorize.js";
import type { Caller, ServiceCaller, TokenCaller, UserCaller } from "./caller.js";
import type { OidcVerifier } from "./oidc/oidc.js";
import type { Services } from "./services.js";

/** The credentials of a call. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** `patwarden-user-authorization`: the user's own access token, passed on by a service. */
  readonly userAuthorization: string | undefined;
  /**
   * Returns the name of the client's verified certificate, see client-certificate.ts. It is expensive, so it is called
   * only without `authorization`.
   */
  readonly clientName: () => string | undefined;
  /**
   * Returns the address of the client, or undefined when it is not known. It is expensive, so it is called only for a
   * Patwarden token.
   */
  readonly address: () => Address | undefined;
  /** Instant of `performance.now()` after which the caller no longer waits. Absent: no limit. */
  readonly deadline: number | undefined;
  /** Returns another header of the call by its lower-case name. Only the console's authenticator reads any. */
  readonly header: (name: string) => string | undefined;
}

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

/** Authenticates callers. */
export interface Authenticator {
  /**
   * Returns the caller, or undefined when the credentials prove none; the reason is not exposed. Throws when a
   * credential could not be verified.
   */
  authenticate(credentials: Credentials): Promise<Caller | undefined> | Caller | undefined;
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
  const { services, users, tokens } = options;
  const user = async (token: string, via?: ServiceCaller): Promise<UserCaller | undefined> => {
    const identity = await users.verify(token);
    if (!identity) return undefined;
    const { subject, signIn } = identity;
    // Otherwise a web page that acts for its users would control the whole deployment once an administrator opens it.
    const admin = identity.admin && (via === undefined || hasPermission(via, "admin"));
    return { kind: "user", subject, admin, ...(via && { via }), signIn };
  };
  return {
    authenticate({ authorization, userAuthorization, clientName, address, deadline }) {
      const service = services.find(authorization, clientName);
      // The hot path: a service needs no promise.
      if (userAuthorization === undefined) return service ?? orUser(authorization, address, deadline);
      if (!service) return undefined;
      // To act for a user, a service needs the permission and the user's own token.
      if (!hasPermission(service, "tokens.behalf")) {
        throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "tokens.behalf" } });
      }
      const passedOn = bearerOf(userAuthorization);
      if (passedOn === undefined) throw unreadable("patwarden-user-authorization", userAuthorization);
      return user(passedOn, service);
    },
  };

  async function orUser(
    authorization: string | undefined,
    address: Credentials["address"],
    deadline: number | undefined,
  ): Promise<Caller | undefined> {
    if (authorization === undefined) return undefined;
    const credential = bearerOf(authorization);
    if (credential === undefined) throw unreadable("authorization", authorization);
    return (await tokens(credential, address(), deadline)) ?? (await user(credential));
  }
}

/**
 * Authenticates on a public port: only users and Patwarden tokens. Service keys and certificates are not accepted, and
 * no service can pass on a user's token.
 */
export function createPublicAuthenticator(options: Omit<AuthenticationOptions, "services">): Authenticator {
  const nobody = { find: () => undefined };
  const { authenticate } = createAuthenticator({ ...options, services: nobody });
  return { authenticate: (credentials) => authenticate({ ...credentials, userAuthorization: undefined }) };
}

/** The caller of every call when caller authentication is off. */
const everybody: ServiceCaller = { kind: "service", name: "everybody", permissions: new Set(["admin"]) };

/** Makes every caller an administrator, with or without credentials (`dangerously_disable_caller_authentication`). */
export const noAuthentication: Authenticator = { authenticate: () => everybody };
