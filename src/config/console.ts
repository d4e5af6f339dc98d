import { z } from "zod";
import type { ConsoleSettings } from "../console/settings.js";
import { isConfidential } from "../domain/network.js";
import { hostPort, issuerUrl, text, trustedProxies } from "./common-values.js";
import { duration } from "./duration.js";
import { headerSecret } from "./header-secret.js";
import { beyondLoopback, isProtected, isProtectedOnce, origin, plaintext, tls, twice } from "./listeners.js";
import { entries } from "./lists.js";
import type { OtherSections } from "./other-sections.js";

/** Parameters of the authorization request that the sign-in itself sets. */
const ownParameters = [
  ...["client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"],
  ...["code_challenge", "code_challenge_method", "max_age", "acr_values", "request", "request_uri", "id_token_hint"],
];

const authorizationParams = z
  .record(
    text.regex(/^[a-z][a-z0-9_.:-]{0,49}$/i, "must be the name of a parameter"),
    text.regex(/^[\x20-\x7e]{1,500}$/, "must be 1 to 500 printable ASCII characters"),
  )
  .refine((parameters) => Object.keys(parameters).length <= 20, "must have 0 to 20 entries")
  .refine((parameters) => !ownParameters.some((name) => Object.hasOwn(parameters, name)), {
    error: `must contain none of ${ownParameters.join(", ")}: the sign-in sets them itself`,
  });

/**
 * The console: the page on which people create, approve, limit and end tokens, on a port and a host name of its own.
 * People sign in at an OpenID provider; Patwarden is its confidential client. Default: no console.
 */
export function consoleSection(others: OtherSections) {
  return file(others)
    .transform((console) => ({
      listen: console.listen,
      tls: console.tls,
      trustedProxies: console.trusted_proxies,
      settings: settingsOf(console),
    }))
    .optional();
}

function file({ authenticationDisabled, issuers }: OtherSections) {
  return z
    .object({
      /** `HOST:PORT`; port 0 takes a free one. Default `127.0.0.1:9084`. */
      listen: hostPort.prefault("127.0.0.1:9084"),
      /** Default: no TLS, for which `listen` must be loopback or `plaintext` true. */
      tls: tls.optional(),
      plaintext,
      /**
       * The origin at which people open the console, https, or http on loopback. Its host name must serve nothing else:
       * cookies are shared by all ports of a host. Required.
       */
      public_url: origin.refine((value) => !URL.canParse(value) || isConfidential(new URL(value)), {
        error: "must be https, or http on loopback: without TLS others could read the cookie, and pages cannot copy",
      }),
      /** The OpenID provider, one of `issuers`: its subject template and `admin` apply to ID tokens too. Required. */
      issuer: issuerUrl.refine((value) => issuers.includes(value), {
        error: "must be exactly the issuer of an entry of issuers, which says who its users are",
      }),
      /** The id of the console's client at the provider. Required. */
      client_id: text.regex(/^[\x20-\x7e]{1,255}$/, "must be 1 to 255 printable ASCII characters"),
      /** The secret of this client. A client without a secret (a public client) is not supported. Required. */
      client_secret: headerSecret.meta({ secret: true }),
      /**
       * How the secret is sent to the provider: `basic` (an `authorization` header) or `post` (in the body). Default:
       * `basic`, unless the provider's discovery document offers `post` alone.
       */
      client_authentication: z.enum(["basic", "post"]).optional(),
      /** Scopes to ask for, 1 to 20, `openid` among them. Default `openid` and `profile`. */
      scopes: z
        .array(text.regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, "must be one scope"))
        .refine(...entries(1, 20))
        .refine((scopes) => scopes.includes("openid"), "must contain openid")
        .default(["openid", "profile"]),
      /** More parameters of the authorization request, 0 to 20, such as `organization` for Auth0. Default none. */
      authorization_params: authorizationParams.default({}),
      /** How long a session lasts without use, 5m to 24h; kept to a minute. Default 30m. */
      idle: duration("5m", "24h").prefault("30m"),
      /** How long a session lasts after the sign-in, 5m to 7d. Default 8h. */
      absolute: duration("5m", "7d").prefault("8h"),
      /** The same for administrators of the deployment, 5m to 24h. Default 1h. */
      admin_absolute: duration("5m", "24h").prefault("1h"),
      /** CIDR ranges of the reverse proxies in front of this port, as `public_http.trusted_proxies`. Default none. */
      trusted_proxies: trustedProxies,
    })
    .refine(isProtected, beyondLoopback)
    .refine(isProtectedOnce, twice)
    .refine(() => !authenticationDisabled, "must not be set while dangerously_disable_caller_authentication is true");
}

type File = z.output<ReturnType<typeof file>>;

function settingsOf(file: File): ConsoleSettings {
  return {
    publicUrl: file.public_url,
    issuer: file.issuer,
    clientId: file.client_id,
    clientSecret: file.client_secret,
    ...(file.client_authentication && { clientAuthentication: file.client_authentication }),
    scopes: file.scopes,
    authorizationParams: file.authorization_params,
    lifetimes: {
      idleMs: file.idle,
      absoluteMs: file.absolute,
      adminAbsoluteMs: Math.min(file.admin_absolute, file.absolute),
    },
  };
}
