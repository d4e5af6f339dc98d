import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  caller,
  certificateFiles,
  changed,
  configOf,
  describeSettings,
  keyHash as hash,
  otherKeyHash as otherHash,
  problemsOf,
  type Tree,
} from "../../test/kit/config-file.js";

const certificate = certificateFiles();

describeSettings(
  ["callers"],
  [
    [
      "callers",
      [
        {
          name: "shop",
          key_sha256: [hash, otherHash],
          permissions: ["tokens.read", "tokens.impersonate"],
          subjects: ["user:*", "organization:acme"],
          max_lifetime: "1d",
          max_grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
          max_cache: "10s",
          certificates: ["spiffe://a/b"],
          exchange_audiences: ["https://api.example.com"],
        },
      ],
      {
        callers: [
          {
            caller: {
              name: "shop",
              permissions: new Set(["tokens.read", "tokens.impersonate"]),
              subjects: ["user:", "organization:acme"],
              maxLifetimeMs: 86_400_000,
              maxGrant: { kind: "rules", rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
              maxCacheMs: 10_000,
              exchangeAudiences: ["https://api.example.com"],
            },
            keySha256: [hash, otherHash],
            certificates: ["spiffe://a/b"],
          },
        ],
      },
      {
        "grpc.tls": { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile },
        "integrations.oauth.exchange.audiences": ["https://api.example.com", "shop"],
      },
    ],
  ],
  [
    [{ callers: [] }, { callers: "must have an entry; without one, nobody can call" }],
    [{ callers: [caller, { ...caller, key_sha256: [otherHash] }] }, { callers: "must not have the same name twice" }],
    [{ callers: [caller, { ...caller, name: "b" }] }, { callers: "must not have the same key_sha256 twice" }],
    [{ callers: [{ ...caller, key_sha256: [hash, hash] }] }, { callers: "must not have the same key_sha256 twice" }],
    [
      { callers: [{ ...caller, name: "a".repeat(64) }] },
      { "callers[0].name": "must be 1 to 63 of a-z 0-9 -, not beginning with a dash" },
    ],
    [
      { callers: [{ ...caller, permissions: ["chek"] }] },
      {
        "callers[0].permissions[0]":
          "must be one of check, check.direct, introspect, tokens.read, tokens.revoke, tokens.behalf, tokens.impersonate, tokens.approve, tokens.claims, tokens.exchange, subjects, policies, usage, audit, admin",
      },
    ],
    [
      { "subjects.user_type": "person", callers: [{ ...caller, subjects: ["user:*", "person:*"] }] },
      { "callers[0].subjects[0]": "must be person:*, organization:* or a subject of these types" },
    ],
  ],
);

describe("callers", () => {
  it("accepts certificates of a caller, with or without keys, if a port asks for client certificates", () => {
    const id = "spiffe://cluster.local/ns/shop/sa/orders";
    const callers = [
      { name: "orders", certificates: [id], permissions: ["check"] },
      { name: "billing", certificates: [`${id}.2`], key_sha256: [hash], permissions: ["check"] },
    ];
    const tls = { cert: certificate.certFile, key: certificate.keyFile };
    for (const port of ["grpc", "http"]) {
      const { callers: seen } = configOf(
        changed({ callers, [`${port}.tls`]: { ...tls, client_ca: certificate.certFile } }),
      );
      expect(seen.map(({ keySha256, certificates }) => [keySha256, certificates])).toEqual([
        [[], [id]],
        [[hash], [`${id}.2`]],
      ]);
    }
    const nobodyAsks = "needs tls.client_ca of grpc or http: without it, clients send no certificates";
    expect(problemsOf(changed({ callers, "http.tls": tls }))).toEqual({
      "callers[0].certificates": nobodyAsks,
      "callers[1].certificates": nobodyAsks,
    });
  });

  it.each<[string, Tree, string, string]>([
    [
      "neither keys nor certificates",
      { key_sha256: undefined },
      "[0].key_sha256",
      "is required when there are no cert",
    ],
    ["no certificate in a list", { certificates: [] }, "[0].certificates", "must have 1 to 10 entries"],
    ["one certificate twice", { certificates: ["spiffe://a/b", "spiffe://a/b"] }, "", "the same certificates twice"],
    ...["spiffe://a", "spiffe://a/", "spiffe://a/b/", "spiffe://a//b", "spiffe://a/../b", "spiffe://a/b/."].map(
      (id): [string, Tree, string, string] => [
        id,
        { certificates: [id] },
        "[0].certificates[0]",
        "must be the SPIFFE id",
      ],
    ),
    ...[
      "https://a/b",
      "SPIFFE://a/b",
      "spiffe://A/b",
      "spiffe://a:1/b",
      "spiffe://a/b?c",
      "spiffe://a/*",
      "spiffe://a/b c",
    ].map((id): [string, Tree, string, string] => [
      id,
      { certificates: [id] },
      "[0].certificates[0]",
      "must be the SPIFFE id",
    ]),
    ["a long name", { certificates: [`spiffe://a/${"b".repeat(2040)}`] }, "[0].certificates[0]", "at most 2048"],
    ["a cache of more than an hour", { max_cache: "61m" }, "[0].max_cache", "must be a duration from 1s to 1h"],
  ])("refuses a caller with %s", (_, over, key, problem) => {
    const tls = { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile };
    expect(problemsOf(changed({ callers: [{ ...caller, ...over }], "grpc.tls": tls }))).toEqual({
      [`callers${key}`]: expect.stringContaining(problem),
    });
  });

  it("S31 with the placeholder of an example are refused, and told how to make a key", () => {
    expect(problemsOf(changed({ callers: [{ ...caller, key_sha256: ["1".repeat(64)] }] }))).toEqual({
      "callers[0].key_sha256[0]":
        "is a placeholder; it must be the key_sha256 that `patwarden keys service` prints beside the key",
    });
  });

  it.each(["", "\n", "changeme", "secret"])("S31 with a key that is guessed, %j, are refused", (weak) => {
    const key_sha256 = [createHash("sha256").update(weak).digest("hex")];
    expect(problemsOf(changed({ callers: [{ ...caller, key_sha256 }] }))).toEqual({
      "callers[0].key_sha256[0]": "must be the hash of a random key; this is the hash of an empty or well-known text",
    });
  });
});
