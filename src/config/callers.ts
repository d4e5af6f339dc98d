import { createHash } from "node:crypto";
import { z } from "zod";
import { permissions } from "../callers/caller.js";
import type { ConfiguredCaller } from "../callers/services.js";
import { parseSubject, type SubjectTypes } from "../domain/identifier.js";
import { audience, text } from "./common-values.js";
import { cacheTime, lifetime } from "./duration.js";
import { grant } from "./grant.js";
import { allDifferent, entries, isList } from "./lists.js";
import type { OtherSections } from "./other-sections.js";

/** Placeholders that people use for a key. The empty text gets hashed when a variable is not set. */
const guessed = new Set(
  [
    "",
    "\n",
    "changeme",
    "secret",
    "password",
    "admin",
    "test",
    "key",
    "token",
    "patwarden",
    "pw_svc_…",
    "pw_svc_...",
  ].map((weak) => createHash("sha256").update(weak).digest("hex")),
);

const serviceKeyHash = text
  .regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits")
  .refine((hash) => !guessed.has(hash), {
    error: "must be the hash of a random key; this is the hash of an empty or well-known text",
  })
  .refine((hash) => !/^(.)\1*$/.test(hash), {
    error: "is a placeholder; it must be the key_sha256 that `patwarden keys service` prints beside the key",
  });

// SPIFFE ID section 2: a trust domain, and a path without empty, `.` and `..` segments. An id without a path is the
// trust domain itself, not a workload.
const spiffeId = text
  .max(2048, "must have at most 2048 characters")
  .regex(
    /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/,
    "must be the SPIFFE id of a workload, such as spiffe://cluster.local/ns/shop/sa/orders",
  );

/** Parses a subject, or `user:*` and the like to a prefix that ends in `:`, as `ServiceCaller.subjects` needs it. */
function subjectScope(types: SubjectTypes) {
  return text.transform((value, context) => {
    for (const type of [types.user, types.organization]) if (value === `${type}:*`) return `${type}:`;
    const parsed = parseSubject(value, types);
    if (parsed.ok) return parsed.value.name as string;
    context.addIssue(`must be ${types.user}:*, ${types.organization}:* or a subject of these types`);
    return z.NEVER;
  });
}

type Entry = z.output<ReturnType<typeof entry>>;

function entry({ subjectTypes, exchangeAudiences, certificatesAsked }: OtherSections) {
  return z
    .object({
      /** Its name in the log and in audit events. Required, unique. */
      name: text.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z 0-9 -, not beginning with a dash"),
      /**
       * SHA-256 of its key, lower-case hex; two while a key is being changed. Required when there are no
       * `certificates`.
       */
      key_sha256: z
        .array(serviceKeyHash)
        .refine(...entries(1, 2))
        .optional(),
      /**
       * SPIFFE ids, 1 to 10. A call without any other credential belongs to this service if it comes to a listener with
       * `tls.client_ca` and its client certificate has one of these ids as its only URI. Default none.
       */
      certificates: z
        .array(spiffeId)
        .refine(...entries(1, 10))
        .refine(() => certificatesAsked, {
          error: "needs tls.client_ca of grpc or http: without it, clients send no certificates",
          when: isList,
        })
        .optional(),
      /** Its permissions; `admin` is all of them. Required. */
      permissions: z.array(z.enum(permissions)).refine(...entries(1, permissions.length)),
      /**
       * The only subjects that it may manage, such as `user:*` and `organization:acme`; 1 to 1,000. It cannot create,
       * see, change or exchange tokens of other subjects, cannot read or write their policies, usage and events, cannot
       * ask about them without a token, and cannot use the policies of the deployment. Checks of all tokens that it
       * sends are answered, and it may revoke any token whose secret it sends. Default all.
       */
      subjects: z
        .array(subjectScope(subjectTypes))
        .refine(...entries(1, 1000))
        .optional(),
      /**
       * Longest lifetime of a token that it creates, 1s to 10y. With it, the service cannot create tokens that never
       * expire. Default: no limit of its own.
       */
      max_lifetime: lifetime.optional(),
      /** The largest grant of a token that it creates, written as in CreateToken. Default: no limit of its own. */
      max_grant: grant.optional(),
      /**
       * How long it may cache introspection responses, 1s to 1h, if that is less than `integrations.oauth.max_cache`.
       * Default: `integrations.oauth.max_cache`.
       */
      max_cache: cacheTime.optional(),
      /**
       * The audiences for which it may get JWTs, 1 to 20 of `integrations.oauth.exchange.audiences`. Default all of
       * them.
       */
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
      error: "is required when there are no certificates",
      path: ["key_sha256"],
    });
}

/** Services that may call, each known by a key, by client certificates or by either. */
export function callers(others: OtherSections) {
  return (
    z
      .array(entry(others))
      .refine((callers) => callers.length > 0 || others.authenticationDisabled, {
        error: "must have an entry; without one, nobody can call",
        when: isList,
      })
      .refine(...allDifferent("name"))
      // Also within one caller: the same key twice is a mistake in a change of keys.
      .refine(...allDifferent("key_sha256"))
      .refine(...allDifferent("certificates"))
      .transform((entries) => entries.map(callerOf))
      .prefault([])
  );
}

function callerOf(entry: Entry): ConfiguredCaller {
  const { name, key_sha256 = [], certificates = [] } = entry;
  const caller = {
    kind: "service" as const,
    name,
    permissions: new Set(entry.permissions),
    ...(entry.subjects && { subjects: entry.subjects }),
    ...(entry.max_lifetime !== undefined && { maxLifetimeMs: entry.max_lifetime }),
    ...(entry.max_grant && { maxGrant: entry.max_grant }),
    ...(entry.exchange_audiences && { exchangeAudiences: entry.exchange_audiences }),
    ...(entry.max_cache !== undefined && { maxCacheMs: entry.max_cache }),
  };
  return { caller, keySha256: key_sha256, certificates };
}
