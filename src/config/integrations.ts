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

/** Whether it is open. Default `false`. */
const enabled = z.boolean().default(false);

/**
 * Requests that one caller may make in a second at one replica, all at once or spread, 0 to 1,000,000; 0 for any
 * number. Default 0.
 */
const maxPerSecond = rate.default(0);

function limitPerSecond(calls: number) {
  const limit = limitOf(calls, 1_000);
  return limit ? { limit } : {};
}

/** Reports a setting that is absent, though its integration is enabled. */
function missing(context: z.core.$RefinementCtx, key: string): never {
  context.addIssue({ code: "custom", message: "is required where it is enabled", path: [key] });
  return z.NEVER;
}

/** A host of requests, in the one spelling that is compared with theirs. Names beyond ASCII may be written as such. */
const hostName = text.transform((value, context) => {
  // ASCII stays what it is: `127.1` must not become an address.
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
    method: text.regex(/^[A-Z]{1,20}$/, "must be a method in capitals").optional(),
    /**
     * `/documents/{id}`, each name a whole segment; `/**` at the end stands for everything below. One that ends in `/`
     * matches only paths that do. A path for which the first rule is right except for the last slash is left to the
     * rule with the other ending, and to no other. Required.
     */
    path: text,
    /** `document:{id}` with names of the path. Required. */
    resource: text,
    /** A relation of the resource's type. Required. */
    action: relationName,
    /** Whether segments may hold `;`, at which some servers cut. Otherwise such a path is refused. Default `false`. */
    semicolons: z.boolean().default(false),
    /** Whether browsers' preflights pass to the service, without a credential and as nobody. Default `false`. */
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
    /** `policy_decision_point`: the URL under which clients reach them. Required where it is enabled. */
    identifier: issuerUrl.optional(),
    max_per_second: maxPerSecond,
  })
  .transform(({ enabled, identifier, max_per_second }, context) => {
    if (!enabled) return undefined;
    return { identifier: identifier ?? missing(context, "identifier"), ...limitPerSecond(max_per_second) };
  })
  .prefault({});

/**
 * `/oauth2/token` (RFC 8693) and `/.well-known/jwks.json`: JWTs for tokens, for services that verify JWTs and do not
 * ask; for services with the permission `tokens.exchange`.
 */
const exchange = z
  .object({
    /** `aud` for which JWTs may be made, 0 to 20. Default none: no JWT is made. */
    audiences: z
      .array(audience)
      .refine(...atMost(20))
      .default([]),
    /** Longest life of a JWT, 1s to 5m: the longest that a revoked token lives on in one. Default 60s. */
    lifetime: duration("1s", "5m").prefault("60s"),
    /**
     * Algorithm of keys that are made from then on: the first one, and the next at `patwarden keys rotate-signing`.
     * Default ES256.
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
    /** The URL under which clients reach them, and `iss` of their answers. Required where it is enabled. */
    issuer: issuerUrl.optional(),
    /**
     * How long gateways may keep an answer, 1s to 1h: the longest that a revoked token lives on behind one. Default
     * 60s.
     */
    max_cache: cacheTime.prefault("60s"),
    /** Whether a token may also be revoked without any caller's credential: its holder may end it. Default `false`. */
    public_revocation: z.boolean().default(false),
    /**
     * How many of these one address (of IPv6: one /64) may make at one replica, all at once or spread; 1 to 1,000,000.
     * It is the address of the connection: all clients behind one proxy share it. Default 20.
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

/** An integration that proxies ask about each request. */
const proxy = z
  .object({
    enabled,
    /**
     * Whether a token may also come as the password of Basic, for hosts and libraries that can do no better. Default
     * `false`.
     */
    basic: z.boolean().default(false),
    /**
     * CIDR ranges of the proxies between clients and the one that asks, 0 to 100: the right-most entry of
     * X-Forwarded-For that is none of them is the client's address. ext_authz looks there only when `source.address` is
     * one of them, and Envoy must pass that header on. Default none: `source.address` of ext_authz, and for
     * forward_auth an X-Forwarded-For of one entry.
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

/** `/secret-scanning` for GitHub, once it knows the pattern of your tokens and that address. */
const github = z
  .object({
    enabled,
    /** The URL of its keys; https, or http on loopback. Default GitHub's. */
    keys_url: issuerUrl.default("https://api.github.com/meta/public_keys/secret_scanning"),
    /** A token of GitHub for fetching them, which raises GitHub's rate limit. Default none. */
    token: headerSecret.meta({ secret: true }).optional(),
  })
  .transform(({ enabled, keys_url, token }) =>
    enabled ? { keysUrl: keys_url, ...(token !== undefined && { token }) } : undefined,
  )
  .prefault({});

/** The same for GitLab. */
const gitlab = z
  .object({
    enabled,
    /** The URL of its keys, which GitLab tells you; https, or http on loopback. Required where it is enabled. */
    keys_url: issuerUrl.optional(),
  })
  .transform(({ enabled, keys_url }, context) =>
    enabled ? { keysUrl: keys_url ?? missing(context, "keys_url") } : undefined,
  )
  .prefault({});

/**
 * Reports of secrets that were found in the open, on both HTTP ports: usable tokens are revoked, and a notification is
 * sent once.
 */
function leaks({ subjectTypes }: OtherSections) {
  return z
    .object({
      /**
       * `/report-leak` for anybody, 60 calls an hour of one address: the finder of a secret may end its token. Default
       * `false`.
       */
      report: z.boolean().default(false),
      github,
      gitlab,
      /**
       * Organizations whose tokens, their own and those bound to them, are not revoked but only notified; 0 to 1,000.
       * Default none.
       */
      notify_only: z
        .array(organizationName(subjectTypes))
        .refine(...atMost(1000))
        .default([]),
      /** Where each leaked token is notified, signed as in Standard Webhooks. Default: the log alone. */
      webhook: z
        .object({
          /** https, or http on loopback, without query. Required. */
          url: issuerUrl,
          /**
           * Key of the HMAC, 32 characters or more; libraries of Standard Webhooks take it as `whsec_` and its base64.
           * Required.
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

/** Standard protocols beside the API, on the HTTP port except `ext_authz`. All are closed by default. */
export function integrations(others: OtherSections) {
  return z
    .object({
      /**
       * What requests of proxies need, 0 to 10,000 rules of which the first that matches decides; a request that none
       * matches is refused. A rule that names what the model does not know leaves its requests undecided (503). Default
       * none.
       */
      routes: z
        .array(route)
        .refine(...atMost(10_000))
        .prefault([]),
      authzen,
      oauth,
      /**
       * `envoy.service.auth.v3.Authorization` on the gRPC port, for Envoy and what is built on it. Envoy sends, in the
       * metadata `authorization`, a service key that has the permission `check`, or shows the client certificate of
       * such a service.
       */
      ext_authz: proxy,
      leaks: leaks(others),
      /**
       * `/forward-auth` for Traefik and Caddy, `/nginx-auth` for nginx, for services with the permission `check`, by
       * key or by certificate.
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
