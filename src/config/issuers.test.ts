import { describeSettings, issuer } from "../../test/kit/config-file.js";

const otherIssuer = { ...issuer, issuer: "https://other.example.com" };
const collision =
  'must not give two people the same subject: use a different subject for each issuer, such as "okta-{sub}", or set shared_subjects: true for both';

describeSettings(
  ["issuers"],
  [
    [
      "issuers",
      [
        { ...issuer, shared_subjects: true },
        {
          issuer: "http://127.0.0.1:8080/realms/acme",
          audiences: ["a", "b"],
          subject: "acme|{oid}",
          algorithms: ["ES256", "EdDSA"],
          required_scopes: ["patwarden"],
          clients: ["cli"],
          types: ["JWT", "application/at+JWT"],
          audience_claim: "client_id",
          required_claims: { token_use: "access" },
          allow_nonce: true,
          admin: { claim: "https://example.com/roles", value: "patwarden-admin" },
          shared_subjects: true,
          max_lifetime: "1h",
          cache_max_age: "1m",
          step_up: { max_age: "10m", acr: ["mfa", "urn:mace:incommon:iap:silver"] },
        },
        {
          ...issuer,
          issuer: "https://login.example.com",
          shared_subjects: true,
          subject: "other|{sub}",
          step_up: { max_age: "1h" },
        },
      ],
      {
        issuers: [
          {
            ...issuer,
            subject: "{sub}",
            algorithms: ["RS256"],
            requiredScopes: [],
            clients: [],
            types: ["at+jwt"],
            audienceClaim: "aud",
            requiredClaims: {},
            allowNonce: false,
            maxLifetimeMs: 86_400_000,
            cacheMaxAgeMs: 600_000,
          },
          {
            issuer: "http://127.0.0.1:8080/realms/acme",
            audiences: ["a", "b"],
            subject: "acme|{oid}",
            algorithms: ["ES256", "EdDSA"],
            requiredScopes: ["patwarden"],
            clients: ["cli"],
            types: ["jwt", "at+jwt"],
            audienceClaim: "client_id",
            requiredClaims: { token_use: "access" },
            allowNonce: true,
            admin: { claim: "https://example.com/roles", value: "patwarden-admin" },
            maxLifetimeMs: 3_600_000,
            cacheMaxAgeMs: 60_000,
            stepUp: { maxAgeMs: 600_000, acrValues: ["mfa", "urn:mace:incommon:iap:silver"] },
          },
          { issuer: "https://login.example.com", stepUp: { maxAgeMs: 3_600_000, acrValues: [] } },
        ],
      },
    ],
  ],
  [
    [
      { issuers: [{ ...issuer, issuer: "http://login.example.com" }] },
      { "issuers[0].issuer": "must be an https: URL without query, or http: on loopback" },
    ],
    [
      { issuers: [{ ...issuer, issuer: "http://127.0.0.1.example.com/" }] },
      { "issuers[0].issuer": "must be an https: URL without query, or http: on loopback" },
    ],
    [
      { issuers: [{ ...issuer, issuer: "https://login.example.com/?a=b" }] },
      { "issuers[0].issuer": "must be an https: URL without query, or http: on loopback" },
    ],
    [
      { issuers: [{ ...issuer, allow_nonce: true }] },
      { "issuers[0].allow_nonce": "needs required_claims: without them, ID tokens would be accepted" },
    ],
    [{ issuers: [{ ...issuer, step_up: {} }] }, { "issuers[0].step_up": "needs max_age or acr" }],
    [{ issuers: [{ ...issuer, step_up: { acr: [] } }] }, { "issuers[0].step_up.acr": "must have 1 to 10 entries" }],
    [
      { issuers: [{ ...issuer, step_up: { acr: ["a b"] } }] },
      { "issuers[0].step_up.acr[0]": 'must be visible ASCII characters other than " and \\' },
    ],
    [
      { issuers: [{ ...issuer, step_up: { max_age: "1s" } }] },
      { "issuers[0].step_up.max_age": "must be a duration from 1m to 30d, such as 10m, 1h" },
    ],
    [{ issuers: [{ ...issuer, audiences: [] }] }, { "issuers[0].audiences": "must have 1 to 10 entries" }],
    [
      { issuers: [{ ...issuer, algorithms: ["RS256", "HS256"] }] },
      { "issuers[0].algorithms[1]": "must be one of RS256, PS256, ES256, EdDSA" },
    ],
    [{ issuers: [{ ...issuer, algorithms: [] }] }, { "issuers[0].algorithms": "must have 1 to 4 entries" }],
    [{ issuers: [{ ...issuer, required_scopes: ["a b"] }] }, { "issuers[0].required_scopes[0]": "must be one scope" }],
    [{ issuers: [{ ...issuer, types: [] }] }, { "issuers[0].types": "must have 1 to 4 entries" }],
    [{ issuers: [{ ...issuer, admin: { claim: "roles" } }] }, { "issuers[0].admin.value": "is required" }],
    [
      { issuers: [{ ...issuer, subject: "sub" }] },
      { "issuers[0].subject": "must contain a claim in braces, such as {sub}" },
    ],
    [
      { issuers: [{ ...issuer, subject: "{email}" }] },
      {
        "issuers[0].subject":
          "must contain only claims that never pass to another person, such as {sub}; no names or addresses",
      },
    ],
    [
      { issuers: [{ ...issuer, max_lifetime: "31d" }] },
      { "issuers[0].max_lifetime": "must be a duration from 1m to 30d, such as 10m, 1h" },
    ],
    [
      { issuers: [{ ...issuer, cache_max_age: "1s" }] },
      { "issuers[0].cache_max_age": "must be a duration from 10s to 1h, such as 10m, 1h" },
    ],
    [
      {
        issuers: [
          { ...issuer, subject: "a|{sub}" },
          { ...issuer, subject: "b|{sub}" },
        ],
      },
      { issuers: "must not have the same issuer twice" },
    ],
    [{ issuers: [issuer, otherIssuer] }, { issuers: collision }],
    // Both issuers must set shared_subjects; here only one does.
    [{ issuers: [{ ...issuer, shared_subjects: true }, otherIssuer] }, { issuers: collision }],
    // The templates differ, but a subject of the first issuer may start with acme|.
    [{ issuers: [issuer, { ...otherIssuer, subject: "acme|{sub}" }] }, { issuers: collision }],
    [
      {
        issuers: [
          { ...issuer, subject: "a|{sub}" },
          { ...otherIssuer, subject: "b|{sub}" },
        ],
      },
      {},
    ],
    [
      {
        issuers: [
          { ...issuer, shared_subjects: true },
          { ...otherIssuer, shared_subjects: true },
        ],
      },
      {},
    ],
  ],
);
