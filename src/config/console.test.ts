import { describe, expect, it } from "vitest";
import {
  certificateFiles,
  changed,
  configOf,
  describeSettings,
  issuer,
  problemsOf,
} from "../../test/kit/config-file.js";

const certificate = certificateFiles();
const required = {
  public_url: "https://tokens.example.com",
  issuer: issuer.issuer,
  client_id: "console",
  client_secret: "a secret",
};
const withIssuer = { issuers: [issuer] };
const console = (over: object = {}) => ({ ...withIssuer, console: { ...required, ...over } });

describeSettings(
  ["console"],
  [
    [
      "console",
      required,
      {
        console: {
          listen: { host: "127.0.0.1", port: 9084 },
          trustedProxies: [],
          settings: {
            publicUrl: "https://tokens.example.com",
            issuer: issuer.issuer,
            clientId: "console",
            clientSecret: "a secret",
            scopes: ["openid", "profile"],
            authorizationParams: {},
            lifetimes: { idleMs: 1_800_000, absoluteMs: 28_800_000, adminAbsoluteMs: 3_600_000 },
          },
        },
      },
      withIssuer,
    ],
    [
      "console",
      {
        ...required,
        listen: "0.0.0.0:443",
        tls: { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile },
        client_authentication: "post",
        scopes: ["openid"],
        authorization_params: { organization: "org_acme" },
        idle: "5m",
        absolute: "30m",
        admin_absolute: "1h",
        trusted_proxies: ["10.0.0.0/8"],
      },
      {
        console: {
          listen: { host: "0.0.0.0", port: 443 },
          tls: { cert: certificate.cert, key: certificate.key, clientCa: certificate.cert },
          trustedProxies: ["10.0.0.0/8"],
          settings: {
            clientAuthentication: "post",
            scopes: ["openid"],
            authorizationParams: { organization: "org_acme" },
            // An administrator's session does not last longer than others.
            lifetimes: { idleMs: 300_000, absoluteMs: 1_800_000, adminAbsoluteMs: 1_800_000 },
          },
        },
      },
      withIssuer,
    ],
    ["console", { ...required, plaintext: true, listen: "0.0.0.0:80" }, {}, withIssuer],
    ["console", { ...required, public_url: "http://127.0.0.1:9084" }, {}, withIssuer],
  ],
  [
    [
      { ...withIssuer, console: {} },
      {
        "console.public_url": "is required",
        "console.issuer": "is required",
        "console.client_id": "is required",
        "console.client_secret": "is required",
      },
    ],
    [
      { issuers: [], console: required },
      { "console.issuer": "must be exactly the issuer of an entry of issuers, which says who its users are" },
    ],
    [
      console({ issuer: "https://login.example.com" }),
      { "console.issuer": "must be exactly the issuer of an entry of issuers, which says who its users are" },
    ],
    [
      console({ public_url: "http://tokens.example.com" }),
      {
        "console.public_url":
          "must be https, or http on loopback: without TLS others could read the cookie, and pages cannot copy",
      },
    ],
    [
      console({ public_url: "https://tokens.example.com/" }),
      {
        "console.public_url":
          "must be an origin such as https://app.example.com: scheme, host, and the port if it is not the default",
      },
    ],
    [console({ client_secret: "" }), { "console.client_secret": "must not be empty" }],
    [console({ scopes: ["profile"] }), { "console.scopes": "must contain openid" }],
    [console({ client_authentication: "none" }), { "console.client_authentication": "must be one of basic, post" }],
    [
      console({ authorization_params: { state: "x" } }),
      {
        "console.authorization_params":
          "must contain none of client_id, client_secret, redirect_uri, response_type, response_mode, scope, state, nonce, code_challenge, code_challenge_method, max_age, acr_values, request, request_uri, id_token_hint: the sign-in sets them itself",
      },
    ],
    [console({ idle: "1m" }), { "console.idle": "must be a duration from 5m to 24h, such as 10m, 1h" }],
    [
      console({ listen: "0.0.0.0:9084" }),
      { "console.plaintext": "must be true to listen beyond loopback without tls" },
    ],
    [console({ listen: "127.0.0.1:9080" }), { "console.listen": "must differ from http.listen" }],
    [
      { ...console(), dangerously_disable_caller_authentication: true },
      { console: "must not be set while dangerously_disable_caller_authentication is true" },
    ],
  ],
);

describe("the secret of the console's client", () => {
  it("is never in a problem", () => {
    const secret = "hidden\nfor a header";
    expect(JSON.stringify(problemsOf(changed(console({ client_secret: secret }))))).not.toContain("hidden");
    expect(configOf(changed(console())).console?.settings.clientSecret).toBe("a secret");
  });
});
