/** Every default of the configuration file, in the file's own words. */
export const defaults = {
  log: { level: "info" },
  grpc: { listen: "127.0.0.1:9081" },
  http: { listen: "127.0.0.1:9080" },
  metrics: { listen: "127.0.0.1:9082" },
  database: { max_connections: 10, prepare: true },
  openfga: { tls: false, timeout: "800ms", max_batch: 50, max_staleness: "0s", context: {} },
  token_cache: { max_bytes: "64MiB", lease: "5s" },
  tokens: { brand: "pw", default_lifetime: "90d" },
  subjects: { user_type: "user", organization_type: "organization", member_relation: "member", relation: "admin" },
  issuers: {
    subject: "{sub}",
    algorithms: ["RS256"],
    types: ["at+jwt"],
    shared_subjects: false,
    max_lifetime: "1d",
    cache_max_age: "10m",
  },
  limits: { creations_per_hour: 100, revocations_per_minute: 60, revocations_burst: 20, lists_per_second: 10 },
  reflection: true,
  drain_delay: "5s",
  grace: "20s",
} as const;
