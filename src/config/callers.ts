import { createHash } from "node:crypto";
import { z } from "zod";
import { permissions } from "../callers/caller.js";
import type { ConfiguredCaller } from "../callers/services.js";
import { parseGrant } from "../domain/grant.js";
import { parseSubject, type SubjectTypes } from "../domain/identifier.js";
import { audience, text } from "./common-values.js";
import { cacheTime, lifetime } from "./duration.js";
import { allDifferent, entries, isList } from "./lists.js";
import type { OtherSections } from "./other-sections.js";

/** Texts that people write where a key comes later. The empty one is hashed for a variable that is not set. */
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
    error: "must be of a key that nobody guesses: this is the hash of an empty or a well-known text",
  });

// SPIFFE ID section 2: a trust domain and a path without empty, `.` and `..` segments. The whole trust domain is no
// workload.
const spiffeId = text
  .max(2048, "must have at most 2048 characters")
  .regex(
    /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/,
    "must be the SPIFFE id of a workload, such as spiffe://cluster.local/ns/shop/sa/orders",
  );

/** `user:*` and the like become prefixes that end in `:`, as `ServiceCaller.subjects` has them. */
function subjectScope(types: SubjectTypes) {
  return text.transform((value, context) => {
    for (const type of [types.user, types.organization]) if (value === `${type}:*`) return `${type}:`;
    const parsed = parseSubject(value, types);
    if (parsed.ok) return parsed.value.name as string;
    context.addIssue(`must be ${types.user}:*, ${types.organization}:* or a subject of these types`);
    return z.NEVER;
  });
}

const grant = z
  .object({
    full: z.boolean().default(false),
    rules: z.array(z.object({ actions: z.array(z.string()), resources: z.array(z.string()) })).default([]),
  })
  .transform((value, context) => {
    const parsed = parseGrant(value);
    if (parsed.ok) return parsed.grant;
    for (const { field, description } of parsed.violations) {
      context.addIssue({ code: "custom", message: description, path: field === "" ? [] : [field] });
    }
    return z.NEVER;
  });

type Entry = z.output<ReturnType<typeof entry>>;

function entry({ subjectTypes, exchangeAudiences, certificatesAsked }: OtherSections) {
  return z
    .object({
      /** Its name in the log and in audit events. Required, unique. */
      name: text.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z 0-9 -, no dash first"),
      /**
       * SHA-256 of its key, lower-case hex; two while a key is being changed. Required where there are no
       * `certificates`.
       */
      key_sha256: z
        .array(serviceKeyHash)
        .refine(...entries(1, 2))
        .optional(),
      /**
       * SPIFFE ids, 1 to 10. A call without any other credential is this service's when its client certificate, on a
       * listener with `tls.client_ca`, has one of them as its only URI. Default none.
       */
      certificates: z
        .array(spiffeId)
        .refine(...entries(1, 10))
        .refine(() => certificatesAsked, {
          error: "needs tls.client_ca of grpc or http, or nobody can show one",
          when: isList,
        })
        .optional(),
      /** Its permissions; `admin` is all of them. Required. */
      permissions: z.array(z.enum(permissions)).refine(...entries(1, permissions.length)),
      /**
       * The only subjects that it may deal with, such as `user:*` and `organization:acme`; 1 to 1,000. Of any other it
       * creates, sees, changes and exchanges no token, reads and writes no policy, usage or event, and asks nothing
       * without a token; the policies of the deployment are closed to it. A Check is answered for every token that it
       * sends, and it may revoke what it can send. Default all.
       */
      subjects: z
        .array(subjectScope(subjectTypes))
        .refine(...entries(1, 1000))
        .optional(),
      /**
       * Longest lifetime of a token that it creates, 1s to 10y; then it cannot create one that never expires. Default:
       * no limit of its own.
       */
      max_lifetime: lifetime.optional(),
      /** The most that a token that it creates may do, written as in CreateToken. Default: no limit of its own. */
      max_grant: grant.optional(),
      /**
       * How long it may keep an answer of introspection, 1s to 1h, if that is less than `integrations.oauth.max_cache`.
       * Default that.
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
      error: "is required where there are no certificates",
      path: ["key_sha256"],
    });
}

/** Services that may call, each known by a key, by client certificates or by either. */
export function callers(others: OtherSections) {
  return (
    z
      .array(entry(others))
      .refine((callers) => callers.length > 0 || others.authenticationDisabled, {
        error: "must have an entry, or nobody can call",
        when: isList,
      })
      .refine(...allDifferent("name"))
      // Also within one caller: the same key twice is a change of keys that has not happened.
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
