import { z } from "zod";
import type { StepUp } from "../callers/caller.js";
import { type IssuerConfig, oidcAlgorithms } from "../callers/oidc/access-token.js";
import { mayCollide, parseSubjectTemplate } from "../callers/oidc/subject-template.js";
import { issuerUrl, text } from "./common-values.js";
import { duration } from "./duration.js";
import { allDifferent, atMost, entries, isList } from "./lists.js";
import type { OtherSections } from "./other-sections.js";

/** The name of a claim in the JSON of the token; a dot is part of the name. */
const claimName = text.max(100, "must have at most 100 characters");

const subjectTemplate = text.superRefine((value, context) => {
  const parsed = parseSubjectTemplate(value);
  if (!parsed.ok) context.addIssue(parsed.problem);
});

/** One value of `acr_values`, which blanks separate; it is sent in a header as a quoted text. */
const acrValue = text
  .max(200, "must have at most 200 characters")
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be visible ASCII characters other than " and \\');

/** A `typ` in the form that access-token.ts compares. */
const tokenType = text.transform((value) => value.toLowerCase().replace(/^application\//, ""));

type Entry = z.output<ReturnType<typeof entry>>;

function entry({ ownIssuer }: OtherSections) {
  return z
    .object({
      /** The exact `iss` of its tokens, with or without a slash at the end; https, or http on loopback. Required. */
      issuer: issuerUrl.refine((value) => value !== ownIssuer, {
        error: "must not be integrations.oauth.issuer: JWTs made from Patwarden tokens cannot manage tokens",
      }),
      /** `aud` of tokens that are meant for Patwarden, 1 to 10; each token must name one of them. Required. */
      audiences: z.array(text).refine(...entries(1, 10)),
      /**
       * The claim that must contain one of `audiences`, for issuers whose access tokens have no `aud`: `client_id` for
       * Cognito, `azp` for Clerk. If a token has `aud` as well, that must also contain one of them. Default `aud`.
       */
      audience_claim: claimName.default("aud"),
      /**
       * Claims that access tokens of the issuer have and its other tokens do not, 0 to 10, each with the value that it
       * must be or contain, `*` for any. Needed when `typ` and audience are the same for all tokens. Default none.
       */
      required_claims: z
        .record(claimName, text)
        .refine((claims) => Object.keys(claims).length <= 10, "must have 0 to 10 entries")
        .default({}),
      /**
       * Whether access tokens may have a `nonce`, as those of Keycloak before 25, Casdoor and authentik. Needs
       * `required_claims`. Default `false`.
       */
      allow_nonce: z.boolean().default(false),
      /** The user's id, made of claims in braces that never pass to another person: `{tid}/{oid}`. Default `{sub}`. */
      subject: subjectTemplate.default("{sub}"),
      /** Signing algorithms of its tokens, 1 to 4 of RS256, PS256, ES256 and EdDSA. Default RS256. */
      algorithms: z
        .array(z.enum(oidcAlgorithms))
        .refine(...entries(1, oidcAlgorithms.length))
        .default(["RS256"]),
      /** Scopes that every token must have, 0 to 50. Default none. */
      required_scopes: z
        .array(text.regex(/^\S+$/, "must be one scope"))
        .refine(...atMost(50))
        .default([]),
      /** The only clients (`client_id`, `azp`, `cid`, `appid`) whose tokens are accepted, 0 to 100. Default any. */
      clients: z
        .array(text)
        .refine(...atMost(100))
        .default([]),
      /** `typ` of its access tokens, 1 to 4. `JWT` also allows tokens without `typ`. Default `at+jwt`. */
      types: z
        .array(tokenType)
        .refine(...entries(1, 4))
        .prefault(["at+jwt"]),
      /** Makes users administrators whose claim is this value or a list with it. Default: no user is one. */
      admin: z.object({ claim: text, value: text }).optional(),
      /** Whether other issuers may give the same ids to the same people; set it for all of them. Default `false`. */
      shared_subjects: z.boolean().default(false),
      /** Longest lifetime of a token, 1m to 30d. Default 1d. */
      max_lifetime: duration("1m", "30d").prefault("1d"),
      /**
       * How long fetched keys are used before they are fetched again, 10s to 1h, and for another hour while the issuer
       * is down. Default 10m.
       */
      cache_max_age: duration("10s", "1h").prefault("10m"),
      /**
       * The sign-in that users need to create, rotate, widen, approve and resume tokens, to change their claims, to
       * enable subjects, to loosen policies and to end all tokens: `max_age`, the longest time since it (`auth_time`),
       * 1m to 30d, and `acr`, the accepted values of `acr`, 1 to 10; either or both. Default: any sign-in.
       */
      step_up: z
        .object({
          max_age: duration("1m", "30d").optional(),
          acr: z
            .array(acrValue)
            .refine(...entries(1, 10))
            .optional(),
        })
        .refine(({ max_age, acr }) => max_age !== undefined || acr !== undefined, "needs max_age or acr")
        .optional(),
    })
    .refine(({ allow_nonce, required_claims }) => !allow_nonce || Object.keys(required_claims).length > 0, {
      error: "needs required_claims: without them, ID tokens would be accepted",
      path: ["allow_nonce"],
    });
}

/** OpenID providers whose access tokens authenticate users, 0 to 50. */
export function issuers(others: OtherSections) {
  return z
    .array(entry(others))
    .refine(...atMost(50))
    .refine(...allDifferent("issuer"))
    .refine(subjectsApart, {
      error:
        'must not give two people the same subject: use a different subject for each issuer, such as "okta-{sub}", ' +
        "or set shared_subjects: true for both",
      when: isList,
    })
    .transform((entries) => entries.map(issuerOf))
    .prefault([]);
}

/** Returns whether no two issuers can give the same subject, except issuers that all set `shared_subjects`. */
function subjectsApart(issuers: readonly unknown[]): boolean {
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

function issuerOf(entry: Entry): IssuerConfig {
  return {
    issuer: entry.issuer,
    audiences: entry.audiences,
    audienceClaim: entry.audience_claim,
    requiredClaims: entry.required_claims,
    allowNonce: entry.allow_nonce,
    subject: entry.subject,
    algorithms: entry.algorithms,
    requiredScopes: entry.required_scopes,
    clients: entry.clients,
    types: entry.types,
    ...(entry.admin && { admin: entry.admin }),
    cacheMaxAgeMs: entry.cache_max_age,
    maxLifetimeMs: entry.max_lifetime,
    ...(entry.step_up && { stepUp: stepUpOf(entry.step_up) }),
  };
}

function stepUpOf({ max_age: maxAgeMs, acr = [] }: NonNullable<Entry["step_up"]>): StepUp {
  return { ...(maxAgeMs !== undefined && { maxAgeMs }), acrValues: acr };
}
