import { bearerOf, maxCredentialHeader } from "../domain/bearer.js";
import { Failure } from "../domain/errors.js";
import type { Address } from "../domain/network.js";
import { hasPermission } from "./authorize.js";
import type { Caller, ServiceCaller, TokenCaller, UserCaller } from "./caller.js";
import type { OidcVerifier } from "./oidc/oidc.js";
import type { Services } from "./services.js";

/** The credentials that a call shows. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** `patwarden-user-authorization`: the user's own access token, passed on by a service. */
  readonly userAuthorization: string | undefined;
  /**
   * The name of the client's verified certificate, see client-certificate.ts. Reading it costs, so it is read only
   * without `authorization`.
   */
  readonly clientName: () => string | undefined;
  /**
   * Where the call comes from; undefined when that is not known. Reading it costs, so it is read only for a Patwarden
   * token.
   */
  readonly address: () => Address | undefined;
  /** Instant of `performance.now()` after which nobody waits for the proof. Absent: no limit. */
  readonly deadline: number | undefined;
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

/** Proves who is calling. */
export interface Authenticator {
  /**
   * Returns undefined when nobody is authenticated; the reason is not exposed. Throws when a credential could not be
   * verified.
   */
  authenticate(credentials: Credentials): Promise<Caller | undefined> | Caller | undefined;
}

/** Says what is wrong with the form of a header. It reveals nothing about any credential. */
function unreadable(header: string, value: string): Failure {
  const problem =
    value.length > maxCredentialHeader
      ? `the ${header} header has more than ${maxCredentialHeader} characters`
      : `the ${header} header must be "Bearer", a blank and one credential`;
  return new Failure("CALLER_UNAUTHENTICATED", { metadata: { problem } });
}

/** Authenticates a service by its key or client certificate, a user by an access token, or a Patwarden token. */
export function createAuthenticator(options: AuthenticationOptions): Authenticator {
  const { services, users, tokens } = options;
  const user = async (token: string, via?: ServiceCaller): Promise<UserCaller | undefined> => {
    const identity = await users.verify(token);
    if (!identity) return undefined;
    const { subject } = identity;
    // A page that acts for all users would otherwise hold the whole deployment as soon as one administrator opens it.
    const admin = identity.admin && (via === undefined || hasPermission(via, "admin"));
    return { kind: "user", subject, admin, ...(via && { via }) };
  };
  return {
    authenticate({ authorization, userAuthorization, clientName, address, deadline }) {
      const service = services.find(authorization, clientName);
      // The hot path: a service needs no promise.
      if (userAuthorization === undefined) return service ?? orUser(authorization, address, deadline);
      if (!service) return undefined;
      // Acting for a user takes the permission and the user's own token; with either missing there is no caller.
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
 * Authenticates on a public port: users and tokens only. Service keys and certificates are not accepted, and nobody
 * passes on another's token.
 */
export function createPublicAuthenticator(options: Omit<AuthenticationOptions, "services">): Authenticator {
  const nobody = { find: () => undefined };
  const { authenticate } = createAuthenticator({ ...options, services: nobody });
  return { authenticate: (credentials) => authenticate({ ...credentials, userAuthorization: undefined }) };
}

/** Everybody who can reach the ports, when caller authentication is off. */
const everybody: ServiceCaller = { kind: "service", name: "everybody", permissions: new Set(["admin"]) };

/** For `dangerously_disable_caller_authentication`: every call, with or without a credential, is an administrator's. */
export const noAuthentication: Authenticator = { authenticate: () => everybody };
