import { domainToASCII } from "node:url";
import { z } from "zod";
import { parseSubject, type SubjectTypes } from "../domain/identifier.js";
import { signingAlgorithms } from "../exchange/signing-key-store.js";
import type { IntegrationsConfig } from "../integrations/integrations.js";
import { readHost } from "../integrations/shared/request-path.js";
import { problemOf, type RouteRule } from "../integrations/shared/route-table.js";
import { audience, issuerUrl, relationName, text, trustedProxies } from "./common-values.js";
import { cacheTime, duration } from "./duration.js";
import { headerSecret } from "./header-secret.js";
import { atMost } from "./lists.js";
import type { OtherSections } from "./other-sections.js";
import { limitOf, rate } from "./rate.js";

/** Whether the integration is enabled. Default `false`. */
const enabled = z.boolean().default(false);

/**
 * The most requests of one caller in a second at one replica, at once or spread, 0 to 1,000,000; 0 means no limit.
 * Default 0.
 */
const maxPerSecond = rate.default(0);

function limitPerSecond(calls: number) {
  const limit = limitOf(calls, 1_000);
  return limit ? { limit } : {};
}

/** Reports a setting that is absent, though its integration is enabled. */
function missing(context: z.core.$RefinementCtx, key: string): never {
  context.addIssue({ code: "custom", message: "is required when the integration is enabled", path: [key] });
  return z.NEVER;
}

/** A host of requests, in its canonical spelling, which is compared with theirs. Names may be written in Unicode. */
const hostName = text.transform((value, context) => {
  // ASCII is not converted: `127.1` must not become an address.
  const name = /^[\x21-\x7e]*$/.test(value) ? value : domainToASCII(value);
  const host = /:\d*$/.test(value) ? undefined : readHost(name);
  if (host !== undefined) return host;
  context.addIssue("must be a host without port, such as api.example.com");
  return z.NEVER;
});

const route = z
  .object({
    /** `api.example.com`, without port, in any case. Default any. */
    host: hostName.optional(),
    /** `GET`, which also stands for HEAD where no rule for HEAD matches. Default any. */
    method: text.regex(/^[A-Z]{1,20}$/, "must be a method in upper case").optional(),
    /**
     * `/documents/{id}`, where each name is a whole segment; `/**` at the end matches everything below. A rule that
     * ends in `/` matches only paths that end in `/`. If the first matching rule differs from a path only in the last
     * slash, only the rule with the other ending can match. Required.
     */
    path: text,
    /** `document:{id}` with names of the path. Required. */
    resource: text,
    /** A relation of the resource's type. Required. */
    action: relationName,
    /** Whether segments may contain `;`, at which some servers cut. If not, such paths are refused. Default `false`. */
    semicolons: z.boolean().default(false),
    /** Whether preflights of browsers are passed to the service, without a credential and a user. Default `false`. */
    preflights: z.boolean().default(false),
  })
  .superRefine((route, context) => {
    const problem = problemOf(route);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  })
  .transform(
    ({ host, method, ...rest }): RouteRule => ({
      ...(host !== undefined && { host }),
      ...(method !== undefined && { method }),
      ...rest,
    }),
  );

/** `/access/v1/evaluation` and `/access/v1/evaluations` (AuthZEN 1.0), for services with the permission `check`. */
const authzen = z
  .object({
    enabled,
    /**
     * `policy_decision_point`: the URL at which clients reach these paths. Required when the integration is enabled.
     */
    identifier: issuerUrl.optional(),
    max_per_second: maxPerSecond,
  })
  .transform(({ enabled, identifier, max_per_second }, context) => {
    if (!enabled) return undefined;
    return { identifier: identifier ?? missing(context, "identifier"), ...limitPerSecond(max_per_second) };
  })
  .prefault({});

/**
 * `/oauth2/token` (RFC 8693) and `/.well-known/jwks.json`: JWTs for Patwarden tokens, for services that verify JWTs
 * themselves. Callers need the permission `tokens.exchange`.
 */
const exchange = z
  .object({
    /** `aud` for which JWTs may be made, 0 to 20. Default none: no JWT is made. */
    audiences: z
      .array(audience)
      .refine(...atMost(20))
      .default([]),
    /** Longest lifetime of a JWT, 1s to 5m: JWTs of a revoked token stay valid up to this long. Default 60s. */
    lifetime: duration("1s", "5m").prefault("60s"),
    /**
     * Algorithm of new signing keys: the first key, and the next key of `patwarden keys rotate-signing`. Default ES256.
     */
    algorithm: z.enum(signingAlgorithms).default("ES256"),
  })
  .transform(({ audiences, lifetime, algorithm }) =>
    audiences.length === 0 ? undefined : { audiences, lifetimeMs: lifetime, algorithm },
  )
  .prefault({});

/**
 * `/oauth2/introspect` (RFC 7662) and `/oauth2/revoke` (RFC 7009), for services with the permission `introspect` or
 * `tokens.revoke`.
 */
const oauth = z
  .object({
    enabled,
    /** The URL at which clients reach these paths, and `iss` of responses. Required when the integration is enabled. */
    issuer: issuerUrl.optional(),
    /**
     * How long gateways may cache a response, 1s to 1h: a revoked token works up to this long behind a gateway. Default
     * 60s.
     */
    max_cache: cacheTime.prefault("60s"),
    /** Whether the holder of a token may revoke it without a caller's credential. Default `false`. */
    public_revocation: z.boolean().default(false),
    /**
     * The most such revocations of one address (IPv6: one /64) at one replica, at once or spread; 1 to 1,000,000. The
     * address is that of the connection: all clients behind one proxy share it. Default 20.
     */
    public_revocations_per_minute: rate.min(1).default(20),
    max_per_second: maxPerSecond,
    exchange,
  })
  .transform((file, context) => {
    if (!file.enabled) return undefined;
    const { exchange } = file;
    const publicRevocation = file.public_revocation && limitOf(file.public_revocations_per_minute, 60_000);
    return {
      issuer: file.issuer ?? missing(context, "issuer"),
      maxCacheMs: file.max_cache,
      ...(exchange && { exchange }),
      ...(publicRevocation && { publicRevocation }),
      ...limitPerSecond(file.max_per_second),
    };
  })
  .prefault({});

/** An integration that proxies call for each request. */
const proxy = z
  .object({
    enabled,
    /**
     * Whether a token may also be the password of Basic authentication, for clients that cannot send a bearer. Default
     * `false`.
     */
    basic: z.boolean().default(false),
    /**
     * CIDR ranges of the proxies between clients and the proxy that calls, 0 to 100. The client's address is the
     * right-most entry of X-Forwarded-For that is in none of the ranges. ext_authz reads this header only when
     * `source.address` is in one of them, and Envoy must pass the header on. Default none: ext_authz uses
     * `source.address`, and forward_auth an X-Forwarded-For of one entry.
     */
    trusted_proxies: trustedProxies,
    max_per_second: maxPerSecond,
  })
  .transform(({ enabled, basic, trusted_proxies, max_per_second }) =>
    enabled ? { basic, trustedProxies: trusted_proxies, ...limitPerSecond(max_per_second) } : undefined,
  )
  .prefault({});

function organizationName(types: SubjectTypes) {
  return text.refine(
    (value) => {
      const parsed = parseSubject(value, types);
      return parsed.ok && parsed.value.kind === "organization";
    },
    { error: `must be an organization, ${types.organization}:…` },
  );
}

/** `/secret-scanning` for GitHub. Register the pattern of your tokens and this URL with GitHub. */
const github = z
  .object({
    enabled,
    /** The URL of GitHub's keys; https, or http on loopback. Default: `api.github.com`. */
    keys_url: issuerUrl.default("https://api.github.com/meta/public_keys/secret_scanning"),
    /** A GitHub token for fetching the keys, which raises GitHub's rate limit. Default none. */
    token: headerSecret.meta({ secret: true }).optional(),
  })
  .transform(({ enabled, keys_url, token }) =>
    enabled ? { keysUrl: keys_url, ...(token !== undefined && { token }) } : undefined,
  )
  .prefault({});

/** `/secret-scanning` for GitLab. */
const gitlab = z
  .object({
    enabled,
    /** The URL of GitLab's keys, from GitLab; https, or http on loopback. Required when the integration is enabled. */
    keys_url: issuerUrl.optional(),
  })
  .transform(({ enabled, keys_url }, context) =>
    enabled ? { keysUrl: keys_url ?? missing(context, "keys_url") } : undefined,
  )
  .prefault({});

/**
 * Reports of secrets that were found in public, on both HTTP ports: usable tokens are revoked, and a notification is
 * sent once.
 */
function leaks({ subjectTypes }: OtherSections) {
  return z
    .object({
      /**
       * Whether anybody may call `/report-leak`, 60 times an hour from one address, to revoke the token of a secret
       * that they have found. Default `false`.
       */
      report: z.boolean().default(false),
      github,
      gitlab,
      /**
       * Organizations whose own tokens and bound tokens are only reported in notifications, not revoked; 0 to 1,000.
       * Default none.
       */
      notify_only: z
        .array(organizationName(subjectTypes))
        .refine(...atMost(1000))
        .default([]),
      /** The webhook for notifications of leaked tokens, signed as in Standard Webhooks. Default: only the log. */
      webhook: z
        .object({
          /** The URL; https, or http on loopback, without query. Required. */
          url: issuerUrl,
          /**
           * Key of the HMAC, at least 32 characters. Libraries of Standard Webhooks need `whsec_` and the base64 of the
           * key. Required.
           */
          key: headerSecret.min(32, "must have at least 32 characters").meta({ secret: true }),
        })
        .optional(),
    })
    .transform(({ report, github, gitlab, notify_only, webhook }) => {
      if (!report && !github && !gitlab) return undefined;
      const providers = { ...(github && { github }), ...(gitlab && { gitlab }) };
      return { report, providers, notifyOnly: notify_only, ...(webhook && { webhook }) };
    })
    .prefault({});
}

/** Standard protocols besides the API, on the HTTP port except `ext_authz`. All are disabled by default. */
export function integrations(others: OtherSections) {
  return z
    .object({
      /**
       * The permissions that requests of proxies need, 0 to 10,000 rules. The first matching rule decides; a request
       * without a matching rule is refused. If a rule has a type or action that the model does not have, its requests
       * fail with 503. Default none.
       */
      routes: z
        .array(route)
        .refine(...atMost(10_000))
        .prefault([]),
      authzen,
      oauth,
      /**
       * `envoy.service.auth.v3.Authorization` on the gRPC port, for Envoy and gateways built on it. Envoy needs the
       * permission `check`: it sends a service key in the metadata `authorization`, or a service's client certificate.
       */
      ext_authz: proxy,
      leaks: leaks(others),
      /**
       * `/forward-auth` for Traefik and Caddy, `/nginx-auth` for nginx. The proxy needs a service key or certificate
       * with the permission `check`.
       */
      forward_auth: proxy,
    })
    .transform(
      ({ routes, authzen, oauth, ext_authz, leaks, forward_auth }): IntegrationsConfig => ({
        routes,
        ...(authzen && { authZen: authzen }),
        ...(oauth && { oauth }),
        ...(ext_authz && { extAuthz: ext_authz }),
        ...(leaks && { leaks }),
        ...(forward_auth && { forwardAuth: forward_auth }),
      }),
    )
    .prefault({});
}
