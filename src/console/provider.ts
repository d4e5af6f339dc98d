import type { JWTPayload } from "jose";
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  calculatePKCECodeChallenge,
  clockTolerance,
  enableNonRepudiationChecks,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client";
import { Refreshed } from "../async/refreshed.js";
import { maxSkewMs } from "../callers/oidc/access-token.js";
import { addressIn, fetchDiscovery } from "../callers/oidc/discovery.js";
import { issuerUnavailable } from "../callers/oidc/issuer-keys.js";
import { Failure } from "../domain/errors.js";
import { harmlessText } from "../domain/text.js";
import { signedOutPath } from "./app-paths.js";
import type { ConsoleSettings } from "./settings.js";
import { SignInRefused } from "./sign-in-refused.js";

/** The secrets of a sign-in that has begun. They leave this process only in a sealed cookie. */
export interface BegunSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** The sign-in that a call needs which gives more power. */
export interface AskedSignIn {
  /** The longest time since the provider asked the person, seconds. Absent: any. */
  readonly maxAge?: number;
  /** The accepted `acr`. Empty: any. */
  readonly acrValues: readonly string[];
}

export interface ProviderOptions {
  readonly settings: ConsoleSettings;
  /** Returns the accepted signature algorithms of ID tokens. */
  readonly algorithms: () => readonly string[];
  /** Returns whether `auth_time` decides what a session may do. */
  readonly needsAuthTime: () => boolean;
  /** How long the discovery document is current, milliseconds. */
  readonly maxAgeMs: number;
  /** Called when the discovery document cannot be fetched. */
  readonly onFetchFailure: (error: unknown) => void;
}

/**
 * A `max_age` that every sign-in satisfies, seconds. Some providers tell `auth_time` only when there is a `max_age`,
 * which obliges them to (OpenID Connect Core §3.1.2.1).
 */
const anyAge = 365 * 86_400;

/** The time for one request to the provider, milliseconds. */
const requestTimeoutMs = 5_000;

/** The path to which the provider leads people back. */
export const callbackPath = "/sign-in/callback";

/**
 * The OpenID provider of the console, which is its confidential client: authorization code with PKCE, `nonce` and `iss`
 * (RFC 9207). No token of the provider is kept.
 */
export class Provider {
  readonly #settings: ConsoleSettings;
  readonly #needsAuthTime: () => boolean;
  readonly #client: Refreshed<Configuration>;

  constructor({ settings, algorithms, needsAuthTime, maxAgeMs, onFetchFailure }: ProviderOptions) {
    this.#settings = settings;
    this.#needsAuthTime = needsAuthTime;
    this.#client = new Refreshed(() => discover(settings, algorithms()), {
      maxAgeMs,
      onFailure: onFetchFailure,
      unavailable: issuerUnavailable,
    });
  }

  /** Returns the address at the provider to lead a person to. Throws ISSUER_UNAVAILABLE. */
  async begin({ maxAge, acrValues }: AskedSignIn): Promise<{ readonly address: URL; readonly begun: BegunSignIn }> {
    const client = await this.#client.get();
    const begun = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
    const address = buildAuthorizationUrl(client, {
      ...(this.#needsAuthTime() && { max_age: String(anyAge) }),
      ...this.#settings.authorizationParams,
      response_type: "code",
      redirect_uri: `${this.#settings.publicUrl}${callbackPath}`,
      scope: this.#settings.scopes.join(" "),
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: "S256",
      ...(maxAge !== undefined && { max_age: String(maxAge) }),
      ...(acrValues.length > 0 && { acr_values: acrValues.join(" ") }),
    });
    return { address, begun };
  }

  /**
   * Returns the claims of the ID token for the answer that the provider sent with a person: `target` is the path and
   * query of the request. Throws SignInRefused.
   */
  async finish(target: string, { state, nonce, verifier }: BegunSignIn): Promise<JWTPayload> {
    try {
      const tokens = await authorizationCodeGrant(await this.#client.get(), new URL(target, this.#settings.publicUrl), {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (!claims) throw new Error("openid-client answered without an ID token");
      return claims;
    } catch (error) {
      throw refusalOf(error);
    }
  }

  /** Returns the address for signing out at the provider; undefined when it has none, or does not answer. */
  async endSession(): Promise<URL | undefined> {
    const client = await this.#client.get().catch(() => undefined);
    if (client?.serverMetadata().end_session_endpoint === undefined) return undefined;
    const back = `${this.#settings.publicUrl}${signedOutPath}`;
    return buildEndSessionUrl(client, { post_logout_redirect_uri: back });
  }
}

/** Fetches the provider's discovery document. Throws when it cannot be used; its error contains no secret. */
export async function discover(
  { issuer, clientId, clientSecret, clientAuthentication }: ConsoleSettings,
  algorithms: readonly string[],
): Promise<Configuration> {
  const document = await fetchDiscovery(issuer, AbortSignal.timeout(requestTimeoutMs));
  const at = (key: string): string => addressIn(document, key, issuer);
  const offered = document["token_endpoint_auth_methods_supported"];
  const { end_session_endpoint: end, ...others } = document;
  const client = new Configuration(
    {
      ...others,
      issuer,
      authorization_endpoint: at("authorization_endpoint"),
      token_endpoint: at("token_endpoint"),
      jwks_uri: at("jwks_uri"),
      ...(end !== undefined && { end_session_endpoint: at("end_session_endpoint") }),
      // The provider may sign other tokens otherwise; ID tokens must be signed as configured.
      id_token_signing_alg_values_supported: [...algorithms],
    },
    clientId,
    { [clockTolerance]: maxSkewMs / 1000 },
    authenticationOf(clientSecret, clientAuthentication, offered),
  );
  client.timeout = requestTimeoutMs / 1000;
  // Signatures are verified too, although the ID token comes from the provider itself.
  enableNonRepudiationChecks(client);
  // The configuration allows such an issuer on loopback alone.
  if (issuer.startsWith("http:")) allowInsecureRequests(client);
  return client;
}

/** OpenID Connect Discovery §3: a provider that lists no methods supports `client_secret_basic`. */
function authenticationOf(secret: string, chosen: "basic" | "post" | undefined, offered: unknown): ClientAuth {
  const postAlone = Array.isArray(offered) && !offered.includes("client_secret_basic");
  return (chosen ?? (postAlone ? "post" : "basic")) === "post" ? ClientSecretPost(secret) : ClientSecretBasic(secret);
}

const unavailableErrors = ["temporarily_unavailable", "server_error"];
/** Codes of openid-client for answers that did not come, or not from the provider's own code. */
const unavailableCodes = [
  "OAUTH_TIMEOUT",
  "OAUTH_ABORT",
  "OAUTH_RESPONSE_IS_NOT_CONFORM",
  "OAUTH_RESPONSE_IS_NOT_JSON",
];

/** Returns the refusal for an error of openid-client. Its details are fixed texts and names, never claims or codes. */
function refusalOf(error: unknown): SignInRefused {
  if (error instanceof AuthorizationResponseError) {
    // Anybody can write these parameters.
    const name = /^[a-z_]{1,40}$/.test(error.error) ? error.error : "an unknown error";
    return new SignInRefused(unavailableErrors.includes(name) ? "unavailable" : "denied", `the provider says ${name}`);
  }
  if (error instanceof ResponseBodyError) {
    const said = harmlessText([error.error, error.error_description].join(" ").trim(), 200);
    return new SignInRefused(error.error === "invalid_grant" ? "stale" : "misconfigured", `the provider says ${said}`);
  }
  const { message, code, cause } = Object(error) as { message?: unknown; code?: unknown; cause?: unknown };
  const detail = [message, cause instanceof Error ? cause.message : ""].join(": ").replace(/: $/, "");
  // fetch fails with a TypeError, the fetch of the discovery document with a Failure.
  const silent = error instanceof TypeError || error instanceof Failure || unavailableCodes.includes(String(code));
  return new SignInRefused(silent ? "unavailable" : "untrusted", detail);
}
