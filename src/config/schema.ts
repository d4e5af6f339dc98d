import { isIP } from "node:net";
import { z } from "zod";
import { permissions } from "../callers/caller.js";
import { oidcAlgorithms } from "../callers/oidc/access-token.js";
import { mayCollide, parseSubjectTemplate } from "../callers/oidc/subject-template.js";
import type { SubjectTypes } from "../domain/identifier.js";
import { signingAlgorithms } from "../exchange/signing-key-store.js";
import { problemOf } from "../integrations/shared/route-table.js";
import { contextSources } from "../openfga/condition-context.js";
import { defaults } from "./defaults.js";
import {
  audience,
  databaseUrl,
  duration,
  grant,
  headerSecret,
  hostName,
  hostPort,
  issuerUrl,
  listener,
  organizationName,
  pepperKey,
  plainListener,
  publicListener,
  serviceKeyHash,
  size,
  spiffeId,
  subjectScope,
  subjectTemplate,
  text,
  tokenType,
  trustedProxies,
  ulid,
} from "./values.js";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** What some checks depend on elsewhere in the file. */
export interface FileContext {
  readonly subjectTypes: SubjectTypes;
  /** `integrations.oauth.issuer` and `integrations.oauth.exchange.audiences`, as far as they are texts. */
  readonly ownIssuer: string | undefined;
  readonly exchangeAudiences: readonly string[];
  readonly authenticationDisabled: boolean;
  /** Whether some listener asks its clients for certificates. */
  readonly certificatesAsked: boolean;
}

export type ConfigFile = z.output<ReturnType<typeof fileSchema>>;

/** As JSON has it; a dot is part of the name. */
const claimName = text.max(100, "must have at most 100 characters");

const lifetime = duration("1s", "10y");

const cacheTime = duration("1s", "1h");

const rate = z.int().min(0).max(1_000_000);

/** Requests that one caller may make in a second at one replica, all at once or spread, 0 to 1,000,000; 0: any number. */
const maxPerSecond = rate.default(defaults.integrations.max_per_second);

const typeName = text.regex(/^[A-Za-z][A-Za-z0-9_-]{0,253}$/, "must be a type of the authorization model");

/** What else may act, in audit events and `created_by`, and what AuthZEN takes for a token: a subject of such a type could pass for one of them. */
const otherActors = ["service", "token", "provider", "reporter", "system", "unknown", "access_token", "identity"];

const subjectType = typeName.refine((type) => !otherActors.includes(type.toLowerCase()), {
  error: `must be none of ${otherActors.join(", ")}: what is called so is not a subject`,
});

const relationName = text.regex(/^[A-Za-z][A-Za-z0-9_-]{0,49}$/, "must be a relation of the authorization model");

export const subjectsSchema = z
  .object({
    user_type: subjectType.default(defaults.subjects.user_type),
    organization_type: subjectType.default(defaults.subjects.organization_type),
    /** Relation on an organization that its members hold; asked for user tokens that are bound to one. */
    member_relation: relationName.default(defaults.subjects.member_relation),
    /** Relations on an organization that allow people to see, make, approve and end its tokens, and to write its policy. */
    relations: z
      .object({
        read: relationName.default(defaults.subjects.relation),
        create: relationName.default(defaults.subjects.relation),
        approve: relationName.default(defaults.subjects.relation),
        revoke: relationName.default(defaults.subjects.relation),
        policy: relationName.default(defaults.subjects.relation),
      })
      .prefault({}),
  })
  .refine((types) => types.user_type !== types.organization_type, {
    error: "must differ from user_type",
    path: ["organization_type"],
  });

/**
 * The configuration file, in its own words. A value marked `secret` may also be given as the name of a file, under the key with `_file`
 * behind it; one marked `file` is always the name of a file. Both hold the file's content when they come here.
 */
export function fileSchema({
  subjectTypes,
  ownIssuer,
  exchangeAudiences,
  authenticationDisabled,
  certificatesAsked,
}: FileContext) {
  return z.object({
    /** One JSON object a line, on stderr. */
    log: z.object({ level: z.enum(logLevels).default(defaults.log.level) }).prefault({}),

    /** The gRPC port. */
    grpc: listener(defaults.grpc.listen, { loopbackOnly: authenticationDisabled }).prefault({}),
    /** Connect, gRPC-Web, JSON and `/livez`, `/readyz`. */
    http: listener(defaults.http.listen, { loopbackOnly: authenticationDisabled }).prefault({}),
    /**
     * A port for the internet: what users and tokens may do about themselves (TokenService, PolicyService, UsageService), `/v1/self`, reports of
     * leaks and public documents. Service keys are worth nothing there. Absent: closed.
     */
    public_http: publicListener(defaults.public_http.listen, { forbidden: authenticationDisabled }).optional(),
    /** Prometheus metrics at `/metrics`. They name no token, subject or resource. */
    metrics: plainListener(defaults.metrics.listen).prefault({}),

    database: z.object({
      /** `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=…`, as database-url.ts reads it. */
      url: databaseUrl.meta({ secret: true }),
      /** The same database without a pooler in between, for LISTEN. Absent: `url`. */
      listen_url: databaseUrl.meta({ secret: true }).optional(),
      /** Connections of one process, 1 to 1,000, beside six for leases, notifications and work on many rows. */
      max_connections: z.int().min(1).max(1000).default(defaults.database.max_connections),
      /** Named prepared statements: faster, but a pooler in transaction mode needs `false`. */
      prepare: z.boolean().default(defaults.database.prepare),
    }),

    openfga: z.object({
      /**
       * gRPC addresses of one cluster, 1 to 16. Several must be IP addresses (a gRPC channel takes no list of names); one name may lead to
       * several.
       */
      addresses: z
        .array(hostPort)
        .refine(...entries(1, 16))
        .refine(oneFamily, {
          error: "must be IP addresses of one family when there are several; one name may lead to several addresses",
          when: isList,
        }),
      /** Whether OpenFGA is spoken to by TLS, checked against the system's authorities. */
      tls: z.boolean().default(defaults.openfga.tls),
      /** Absent: OpenFGA asks for no credential. */
      auth: z.object({ preshared: headerSecret.meta({ secret: true }) }).optional(),
      store_id: ulid,
      /** The model that every question is asked of; a new model is taken up by changing this. */
      model_id: ulid,
      /** Of one call with its retry, 10ms to 60s. */
      timeout: duration("10ms", "60s").prefault(defaults.openfga.timeout),
      /** Questions in one BatchCheck, 1 to 500; at most what OpenFGA's own OPENFGA_MAX_CHECKS_PER_BATCH_CHECK (50) admits. */
      max_batch: z.int().min(1).max(500).default(defaults.openfga.max_batch),
      /**
       * How long OpenFGA's answer to a question may be given again to the same question, 0s to 1h, counted from when it was asked; questions with
       * HIGHER_CONSISTENCY are always asked. `0s`: never. A permission taken away in OpenFGA may be allowed this much longer.
       */
      max_staleness: duration("0s", "1h").prefault(defaults.openfga.max_staleness),
      /**
       * OpenFGA's own OPENFGA_LIST_OBJECTS_DEADLINE, or its OPENFGA_REQUEST_TIMEOUT if that is less, 10ms to 10m. It cuts a list there and says nothing
       * of it, so a list of ListResources that took about as long is marked incomplete.
       */
      list_deadline: duration("10ms", "10m").prefault(defaults.openfga.list_deadline),
      /** Parameters of the model's conditions and what fills them: `now`, RFC 3339 in whole seconds, or `client_ip`, the bearer's address. */
      context: z
        .record(z.string(), z.enum(contextSources))
        .refine((parameters) => Object.keys(parameters).every((name) => /^[A-Za-z_][A-Za-z0-9_]{0,49}$/.test(name)), {
          error: "must have parameters of conditions as keys",
        })
        .default(defaults.openfga.context),
    }),

    /** Token records in memory. What was revoked is never served from it: see `lease`. */
    token_cache: z
      .object({
        /** Estimated, of one process, 64KiB to 64GiB; a record takes about half a KiB. */
        max_bytes: size("64KiB", "64GiB").prefault(defaults.token_cache.max_bytes),
        /**
         * How long a replica may serve records after the database was last heard of, 500ms to 1m: the outage of the database that is ridden out, and the
         * longest that a revocation waits for a replica that died. 0s: every Check reads the database.
         */
        lease: duration("0s", "1m")
          .refine((ms) => ms === 0 || ms >= 500, "must be 0s, or 500ms to 1m")
          .prefault(defaults.token_cache.lease),
      })
      .prefault({}),

    tokens: z.object({
      /** First part of every secret: of a token `<brand>_pat_…`. Changing it makes all earlier secrets malformed. */
      brand: text
        .regex(/^[a-z][a-z0-9]{1,9}$/, "must be 2 to 10 of a-z 0-9, a letter first")
        .default(defaults.tokens.brand),
      /** Lifetime of a token for which none is asked, 1s to 10y. */
      default_lifetime: lifetime.prefault(defaults.tokens.default_lifetime),
      /** The active one makes new secrets, all recognize theirs. Whoever loses them has no valid token left. */
      peppers: z
        .array(
          z.object({
            /** 1 to 32,767; never used again for another key. */
            version: z.int().min(1).max(32_767),
            /** Base64 of at least 32 random bytes. */
            key: pepperKey.meta({ secret: true }),
            active: z.boolean().default(false),
          }),
        )
        .refine(...allDifferent("version"))
        .refine((peppers) => peppers.filter((pepper) => Object(pepper).active === true).length === 1, {
          error: "must have exactly one active entry",
          when: isList,
        }),
    }),

    /** OpenFGA types that tokens act as. */
    subjects: subjectsSchema.prefault({}),

    /** Services that may call, each known by a key, by client certificates or by either. */
    callers: z
      .array(
        z
          .object({
            name: text.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z 0-9 -, no dash first"),
            /** Lower-case hex SHA-256 of its key; two while a key is being changed. Required where there are no `certificates`. */
            key_sha256: z
              .array(serviceKeyHash)
              .refine(...entries(1, 2))
              .optional(),
            /**
             * SPIFFE ids, 1 to 10: a call without any other credential, over a listener with `tls.client_ca`, is this service's where its client certificate has one
             * of them as its only URI.
             */
            certificates: z
              .array(spiffeId)
              .refine(...entries(1, 10))
              .refine(() => certificatesAsked, {
                error: "needs tls.client_ca of grpc or http, or nobody can show one",
                when: isList,
              })
              .optional(),
            permissions: z.array(z.enum(permissions)).refine(...entries(1, permissions.length)),
            /**
             * The only subjects that it has to do with, `user:*`, `organization:acme`, up to 1,000. Absent: all. Of any other it creates, sees, changes and
             * exchanges no token, reads and writes no policy, usage or event, and asks nothing without a token; the deployment's policies are not its
             * business. A Check is answered for every token that is shown to it, and what is shown it may revoke.
             */
            subjects: z
              .array(subjectScope(subjectTypes))
              .refine(...entries(1, 1000))
              .optional(),
            /** Longest lifetime of a token that it creates, 1s to 10y; it can then create none that never expires. */
            max_lifetime: lifetime.optional(),
            /** What a token that it creates may do at most, written as in CreateToken. */
            max_grant: grant.optional(),
            /** How long it may keep an answer of introspection, 1s to 1h, if that is less than `integrations.oauth.max_cache`. Absent: as long as that. */
            max_cache: cacheTime.optional(),
            /** The only ones of `integrations.oauth.exchange.audiences` for which it may get JWTs, 1 to 20. Absent: all. */
            exchange_audiences: z
              .array(
                audience.refine((value) => exchangeAudiences.includes(value), {
                  error: "must be one of integrations.oauth.exchange.audiences",
                }),
              )
              .refine(...entries(1, 20))
              .optional(),
          })
          .refine(({ key_sha256, certificates }) => key_sha256 !== undefined || certificates !== undefined, {
            error: "is required where there are no certificates",
            path: ["key_sha256"],
          }),
      )
      .refine((callers) => callers.length > 0 || authenticationDisabled, {
        error: "must have an entry, or nobody can call",
        when: isList,
      })
      .refine(...allDifferent("name"))
      // Also within one caller: the same key twice is a change of keys that has not happened.
      .refine(...allDifferent("key_sha256"))
      .refine(...allDifferent("certificates"))
      .prefault([]),

    /** OpenID providers whose access tokens let users call. */
    issuers: z
      .array(
        z
          .object({
            /** `iss` of its tokens to the letter, with or without the slash at the end; https, or http on loopback. */
            issuer: issuerUrl.refine((value) => value !== ownIssuer, {
              error: "must not be integrations.oauth.issuer: JWTs that are made of tokens manage nothing",
            }),
            /** `aud` of tokens that are meant for Patwarden, 1 to 10: each must name one of them. */
            audiences: z.array(text).refine(...entries(1, 10)),
            /**
             * The claim that must hold one of `audiences`, for issuers whose access tokens have no `aud`: `client_id` with Cognito, `azp` with Clerk. A token
             * that has an `aud` all the same must name one of them there, too.
             */
            audience_claim: claimName.default(defaults.issuers.audience_claim),
            /**
             * Claims that access tokens have and other tokens of the issuer lack, with the value that each must be or hold, `*` for any; up to 10. Needed where
             * neither `typ` nor the audience tells them apart.
             */
            required_claims: z
              .record(claimName, text)
              .refine((claims) => Object.keys(claims).length <= 10, "must have 0 to 10 entries")
              .default({}),
            /** Whether access tokens may have a `nonce`, as those of Keycloak before 25, Casdoor and authentik do. Needs `required_claims`. */
            allow_nonce: z.boolean().default(defaults.issuers.allow_nonce),
            /** The user's id by claims that never change hands, in braces: `{sub}`, `{tid}/{oid}`. */
            subject: subjectTemplate.default(defaults.issuers.subject),
            algorithms: z
              .array(z.enum(oidcAlgorithms))
              .refine(...entries(1, oidcAlgorithms.length))
              .default([...defaults.issuers.algorithms]),
            /** Scopes that a token must all have, up to 50. */
            required_scopes: z
              .array(text.regex(/^\S+$/, "must be one scope"))
              .refine(...entries(0, 50))
              .default([]),
            /** The only clients (`client_id`, `azp`, `cid`, `appid`) whose tokens are taken, up to 100. Empty: any. */
            clients: z
              .array(text)
              .refine(...entries(0, 100))
              .default([]),
            /** `typ` of its access tokens, 1 to 4. Some issuers say no more than `JWT`, which stands for a token without `typ`, too. */
            types: z
              .array(tokenType)
              .refine(...entries(1, 4))
              .prefault([...defaults.issuers.types]),
            /** Users whose claim is this value, or a list with it, administer the deployment. Absent: no user does. */
            admin: z.object({ claim: text, value: text }).optional(),
            /** Admits another issuer that gives the same ids, to the same people. */
            shared_subjects: z.boolean().default(defaults.issuers.shared_subjects),
            /** Longest lifetime of a token, 1m to 30d. */
            max_lifetime: duration("1m", "30d").prefault(defaults.issuers.max_lifetime),
            /** How long fetched keys are trusted before they are fetched again, 10s to 1h; for an hour more while the issuer is down. */
            cache_max_age: duration("10s", "1h").prefault(defaults.issuers.cache_max_age),
          })
          .refine(({ allow_nonce, required_claims }) => !allow_nonce || Object.keys(required_claims).length > 0, {
            error: "needs required_claims, or ID tokens would pass",
            path: ["allow_nonce"],
          }),
      )
      .refine(...entries(0, 50))
      .refine(...allDifferent("issuer"))
      .refine(apart, {
        error:
          'must not be able to give two people the same subject: give each issuer its own, such as "okta-{sub}", or set shared_subjects: true for both',
        when: isList,
      })
      .prefault([]),

    /**
     * How fast one user, or one Patwarden token about itself, may make dear management calls at one replica; 0 turns a limit off. Services and
     * administrators of the deployment are not limited, nor are Checks, nor revocations of what has leaked.
     */
    limits: z
      .object({
        /** CreateToken and RotateToken: so many at once, and then evenly, 0 to 1,000,000. */
        creations_per_hour: rate.default(defaults.limits.creations_per_hour),
        /** What may take something away: revoke, suspend, deny, update, disable, delete; 0 to 1,000,000. */
        revocations_per_minute: rate.default(defaults.limits.revocations_per_minute),
        /** Of these so many at once, 1 to 1,000,000. */
        revocations_burst: rate.min(1).default(defaults.limits.revocations_burst),
        /** Pages of ListTokens, ListAuditEvents and QueryUsage: so many at once, and then evenly, 0 to 1,000,000. */
        lists_per_second: rate.default(defaults.limits.lists_per_second),
        /** `GET /v1/self` of one address, or one /64 of IPv6: so many at once, and then evenly, 0 to 1,000,000. */
        self_per_minute: rate.default(defaults.limits.self_per_minute),
      })
      .prefault({}),

    /** Counting of decisions, and when tokens were last used. */
    usage: z
      .object({
        /** How often counts are written, 1s to 1m: what a process that is killed loses at most. */
        flush_interval: duration("1s", "1m").prefault(defaults.usage.flush_interval),
        /**
         * Whether it is recorded when and from where tokens were last used: for each token that is in use a write a minute. Without it no token is
         * revoked for not being used.
         */
        last_use: z.boolean().default(defaults.usage.last_use),
      })
      .prefault({}),

    /** Standard integrations beside the API, on the HTTP port. */
    integrations: z
      .object({
        /**
         * What requests of proxies need, up to 10,000 rules of which the first that fits decides; a request that none fits is refused. A rule that names what
         * the model does not know leaves its requests undecided (503).
         */
        routes: z
          .array(
            z
              .object({
                /** `api.example.com`, without port; a dot at its end and its case do not matter. Absent: any. */
                host: hostName.optional(),
                /** `GET`, which stands for HEAD, too, where no rule for HEAD fits. Absent: any. */
                method: text.regex(/^[A-Z]{1,20}$/, "must be a method in capitals").optional(),
                /**
                 * `/documents/{id}`, each name a whole segment; `/**` at the end stands for everything below. One that ends in `/` fits just paths that do.
                 * A path for which the first rule is right but for the last slash is left to the rule with the other ending, and to no other.
                 */
                path: text,
                /** `document:{id}` with names of the path. */
                resource: text,
                /** A relation of the resource's type. */
                action: relationName,
                /** Whether segments may hold `;`, which some servers cut at. Where not, no later rule decides for such a path. */
                semicolons: z.boolean().default(false),
                /** Whether preflights of browsers pass to the service, without a credential and as nobody. */
                preflights: z.boolean().default(false),
              })
              .superRefine((route, context) => {
                const problem = problemOf(route);
                if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
              }),
          )
          .refine(...entries(0, 10_000))
          .prefault([]),
        /** `/access/v1/evaluation` and `/access/v1/evaluations` (AuthZEN 1.0), for services with the permission `check`. */
        authzen: z
          .object({
            enabled: z.boolean().default(defaults.integrations.authzen.enabled),
            /** `policy_decision_point`: under which URL they are reached. Required where they are open. */
            identifier: issuerUrl.optional(),
            max_per_second: maxPerSecond,
          })
          .refine(({ enabled, identifier }) => !enabled || identifier !== undefined, {
            error: "is required where it is enabled",
            path: ["identifier"],
          })
          .prefault({}),
        /** `/oauth2/introspect` (RFC 7662) and `/oauth2/revoke` (RFC 7009), for services with the permission `introspect` or `tokens.revoke`. */
        oauth: z
          .object({
            enabled: z.boolean().default(defaults.integrations.oauth.enabled),
            /** Under which URL they are reached, and `iss` of their answers. Required where they are open. */
            issuer: issuerUrl.optional(),
            /** How long gateways may keep an answer, 1s to 1h: the longest that a revoked token lives on behind one. */
            max_cache: cacheTime.prefault(defaults.integrations.oauth.max_cache),
            /** Whether a token may also be revoked without any caller's credential: whoever has it may destroy it. */
            public_revocation: z.boolean().default(defaults.integrations.oauth.public_revocation),
            /**
             * From one address (of IPv6: one /64) at one replica: so many at once, and then evenly, 1 to 1,000,000. It is the peer's address: who comes through a
             * proxy shares the proxy's.
             */
            public_revocations_per_minute: rate
              .min(1)
              .default(defaults.integrations.oauth.public_revocations_per_minute),
            max_per_second: maxPerSecond,
            /**
             * `/oauth2/token` (RFC 8693) and `/.well-known/jwks.json`: JWTs for tokens, for services that verify JWTs and do not ask; for services with the
             * permission `tokens.exchange`.
             */
            exchange: z
              .object({
                /** What JWTs may be made for, `aud` of each, up to 20. Empty: closed. */
                audiences: z
                  .array(audience)
                  .refine(...entries(0, 20))
                  .default([]),
                /** Longest life of a JWT, 1s to 5m: the longest that a revoked token lives on in one. */
                lifetime: duration("1s", "5m").prefault(defaults.integrations.oauth.exchange.lifetime),
                /** Of keys that are made from then on: the first one, and the next at `patwarden keys rotate-signing`. */
                algorithm: z.enum(signingAlgorithms).default(defaults.integrations.oauth.exchange.algorithm),
              })
              .prefault({}),
          })
          .refine(({ enabled, issuer }) => !enabled || issuer !== undefined, {
            error: "is required where it is enabled",
            path: ["issuer"],
          })
          .prefault({}),
        /**
         * `envoy.service.auth.v3.Authorization` on the gRPC port, for Envoy and what is built on it; asked with a service key that has the permission `check`,
         * in the metadata `authorization`, or the client certificate of such a service.
         */
        ext_authz: z
          .object({
            enabled: z.boolean().default(defaults.integrations.ext_authz.enabled),
            /** As of `forward_auth`. */
            basic: z.boolean().default(defaults.integrations.ext_authz.basic),
            /**
             * Proxies between clients and Envoy: where `source.address` is one of them, the right-most entry of X-Forwarded-For that is none of them is the
             * client's address. Envoy must then pass that header on. Empty: `source.address` is.
             */
            trusted_proxies: trustedProxies,
            max_per_second: maxPerSecond,
          })
          .prefault({}),
        /** Reports of secrets that were found in the open, on both HTTP ports: tokens that are alive are revoked, and somebody is told once. */
        leaks: z
          .object({
            /** `/report-leak` for anybody, 60 calls an hour of one address: who holds a secret may end its token. */
            report: z.boolean().default(defaults.integrations.leaks.report),
            /** `/secret-scanning` for GitHub, once it knows the pattern of your tokens and that address. */
            github: z
              .object({
                enabled: z.boolean().default(defaults.integrations.leaks.github.enabled),
                /** Where its keys are; https, or http on loopback. */
                keys_url: issuerUrl.default(defaults.integrations.leaks.github.keys_url),
                /** A token of GitHub to fetch them with, which raises its limit of speed. Absent: without. */
                token: headerSecret.meta({ secret: true }).optional(),
              })
              .prefault({}),
            /** The same for GitLab. */
            gitlab: z
              .object({
                enabled: z.boolean().default(defaults.integrations.leaks.gitlab.enabled),
                /** Where its keys are, as GitLab has told you; https, or http on loopback. Required where it is open. */
                keys_url: issuerUrl.optional(),
              })
              .refine(({ enabled, keys_url }) => !enabled || keys_url !== undefined, {
                error: "is required where it is enabled",
                path: ["keys_url"],
              })
              .prefault({}),
            /** Organizations whose tokens, their own and those bound to them, are not revoked when they leak: somebody is only told. Up to 1,000. */
            notify_only: z
              .array(organizationName(subjectTypes))
              .refine(...entries(0, 1000))
              .default([]),
            /** Who is told of each leaked token, signed as Standard Webhooks says. Absent: the log. */
            webhook: z
              .object({
                /** https, or http on loopback, without query. */
                url: issuerUrl,
                /** Of the HMAC, 32 characters or more; libraries of Standard Webhooks take it as `whsec_` and its base64. */
                key: headerSecret.min(32, "must have at least 32 characters").meta({ secret: true }),
              })
              .optional(),
          })
          .prefault({}),
        /**
         * `/forward-auth` for Traefik and Caddy, `/nginx-auth`; asked with a service key that has the permission `check`, or with the client certificate
         * of such a service.
         */
        forward_auth: z
          .object({
            enabled: z.boolean().default(defaults.integrations.forward_auth.enabled),
            /** Whether a token may also come as the password of Basic, for hosts and libraries that can do no better. */
            basic: z.boolean().default(defaults.integrations.forward_auth.basic),
            /**
             * Proxies between clients and the one that asks: the right-most entry of X-Forwarded-For that is none of them is the client's address. Empty: there
             * are none, and X-Forwarded-For counts where it has one entry.
             */
            trusted_proxies: trustedProxies,
            max_per_second: maxPerSecond,
          })
          .prefault({}),
      })
      .prefault({}),

    /** What is kept of the past. */
    audit: z
      .object({
        /**
         * How long audit events are kept, and tokens after they have ended, 1d to 100y. Absent: for ever. Older ones are deleted in the
         * background, for which the database role must be allowed to delete from `audit_event` and `audit_seal`. `audit verify` proves the rest.
         */
        retention: duration("1d", "100y").optional(),
      })
      .prefault({}),

    /** Makes everybody who reaches a port an administrator. Both ports must then listen on loopback only. */
    dangerously_disable_caller_authentication: z.boolean().default(false),

    /** Whether the ports describe the API to clients such as grpcurl. */
    reflection: z.boolean().default(defaults.reflection),
    /** How long the process goes on serving after it has said that it will stop, 0s to 5m: as long as balancers need to hear of it. */
    drain_delay: duration("0s", "5m").prefault(defaults.drain_delay),
    /** How long calls that are running may then take to end, 0s to 10m. */
    grace: duration("0s", "10m").prefault(defaults.grace),
  });
}

function oneFamily(addresses: readonly unknown[]): boolean {
  const families = new Set(addresses.map((address) => isIP(Object(address).host)));
  return addresses.length < 2 || (families.size === 1 && !families.has(0));
}

/** Whether no issuer could make a user whom another one makes too, but for those that are said to share them. */
function apart(issuers: readonly unknown[]): boolean {
  const templates = issuers.flatMap((issuer) => {
    const { subject, shared_subjects: shared } = Object(issuer);
    const parsed = typeof subject === "string" ? parseSubjectTemplate(subject) : undefined;
    return parsed?.ok ? [{ template: parsed.value, shared: shared === true }] : [];
  });
  return templates.every((one, index) =>
    templates
      .slice(index + 1)
      .every((other) => (one.shared && other.shared) || !mayCollide(one.template, other.template)),
  );
}

/** Runs on a list that is otherwise faulty too, so that all problems are told at once: its entries may be anything. */
type ListRefinement = [
  check: (entries: readonly unknown[]) => boolean,
  params: { readonly error: string; readonly when: typeof isList },
];

/** Zod's own `min` and `max` end the search for other problems. */
function entries(min: number, max: number): ListRefinement {
  return [
    ({ length }) => length >= min && length <= max,
    { error: `must have ${min} to ${max} entries`, when: isList },
  ];
}

/** Holds when nothing under this key of the entries comes twice. */
function allDifferent(key: string): ListRefinement {
  return [
    (entries) => {
      const values = entries.flatMap((entry) => Object(entry)[key] ?? []);
      return new Set(values).size === values.length;
    },
    { error: `must not have the same ${key} twice`, when: isList },
  ];
}

function isList({ value }: z.core.ParsePayload): boolean {
  return Array.isArray(value);
}
