import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { certificateFiles, describeSettings, fileOf, minimal, problemsOf } from "../../test/kit/config-file.js";

const certificate = certificateFiles();

function keyOf(kind: "rsa" | "encrypted"): string {
  const pem = { type: "pkcs8", format: "pem" } as const;
  if (kind === "rsa") return String(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pem));
  const cipher = { cipher: "aes-256-cbc", passphrase: "secret" };
  return String(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ ...pem, ...cipher }));
}

describeSettings(
  ["grpc", "http", "public_http", "metrics"],
  [
    ["grpc.listen", "[::1]:0", { grpc: { listen: { host: "::1", port: 0 } } }],
    ["grpc.plaintext", true, {}],
    [
      "grpc.tls",
      { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile },
      { grpc: { tls: { cert: certificate.cert, key: certificate.key, clientCa: certificate.cert } } },
    ],
    ["grpc.engine", "builtin", { grpc: { engine: "builtin" } }],
    ["grpc.max_connection_age", "0s", { grpc: { maxConnectionAgeMs: 0 } }],
    ["http.listen", "127.0.0.1:80", { http: { listen: { host: "127.0.0.1", port: 80 } } }],
    ["http.plaintext", true, {}],
    [
      "http.tls",
      { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile },
      { http: { tls: { cert: certificate.cert, key: certificate.key, clientCa: certificate.cert } } },
    ],
    [
      "public_http",
      { listen: "0.0.0.0:9083", plaintext: true },
      { publicHttp: { listen: { host: "0.0.0.0", port: 9083 }, origins: [], trustedProxies: [] } },
    ],
    [
      "public_http",
      {
        tls: { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.certFile },
        origins: ["https://app.example.com", "http://localhost:3000"],
        trusted_proxies: ["10.0.0.0/8", "2001:DB8:0::/32"],
      },
      {
        publicHttp: {
          listen: { host: "127.0.0.1", port: 9083 },
          tls: { cert: certificate.cert, clientCa: certificate.cert },
          origins: ["https://app.example.com", "http://localhost:3000"],
          trustedProxies: ["10.0.0.0/8", "2001:db8::/32"],
        },
      },
    ],
    ["metrics.listen", "localhost:1", { metrics: { listen: { host: "localhost", port: 1 } } }],
    ["metrics.plaintext", true, {}],
  ],
  [
    [{ "grpc.plaintex": true }, { "grpc.plaintex": "is unknown; did you mean plaintext?" }],
    [{ "grpc.engine": "node" }, { "grpc.engine": "must be one of builtin, grpc-js" }],
    [{ "grpc.listen": 9081 }, { "grpc.listen": "must be HOST:PORT, IPv6 in brackets" }],
    [{ "grpc.listen": "0.0.0.0:1" }, { "grpc.plaintext": "must be true to listen beyond loopback without tls" }],
    [{ "metrics.listen": "0.0.0.0:1" }, { "metrics.plaintext": "must be true to listen beyond loopback without tls" }],
    [
      { "http.tls": { cert: certificate.certFile, key: certificateFiles().keyFile } },
      { "http.tls": "must be PEM files, and key must be the key of cert (OpenSSL: key values mismatch)" },
    ],
    [
      { "http.tls": { cert: certificate.certFile, key: fileOf(keyOf("rsa")) } },
      { "http.tls": "must be PEM files, and key must be the key of cert (OpenSSL: key type mismatch)" },
    ],
    [
      { "http.tls": { cert: certificate.certFile, key: fileOf(keyOf("encrypted")) } },
      { "http.tls": "must be PEM files, and key must be the key of cert (OpenSSL: bad decrypt)" },
    ],
    [
      { "http.tls": { cert: certificate.keyFile, key: certificate.keyFile } },
      { "http.tls": "must be PEM files, and key must be the key of cert (OpenSSL: no start line)" },
    ],
    [
      { "grpc.tls": { cert: certificate.certFile, key: certificate.keyFile, client_ca: certificate.keyFile } },
      { "grpc.tls.client_ca": "must be the name of a PEM file with a certificate" },
    ],
    [
      { "http.tls": { cert: certificate.certFile, key: certificate.keyFile }, "http.plaintext": true },
      { "http.plaintext": "must not be true together with tls" },
    ],
    [
      {
        dangerously_disable_caller_authentication: true,
        callers: [],
        "http.listen": "0.0.0.0:1",
        "http.plaintext": true,
      },
      { "http.listen": "must be loopback while dangerously_disable_caller_authentication is true" },
    ],
  ],
);

describe("a port", () => {
  it.each([
    ["0.0.0.0:9081", { plaintext: true }],
    ["[::]:9081", { tls: { cert: certificate.certFile, key: certificate.keyFile } }],
  ])("admits a port beyond loopback (%s) with %j", (listen, protection) => {
    expect(problemsOf({ ...minimal, grpc: { listen, ...protection } })).toEqual({});
  });
});

describe("ports", () => {
  it("must have addresses of their own, unless each takes a free port", () => {
    const same = { listen: "127.0.0.1:7000" };
    const free = { listen: "127.0.0.1:0" };
    expect(problemsOf({ ...minimal, grpc: same, http: free, public_http: same, metrics: same })).toEqual({
      "public_http.listen": "must differ from grpc.listen",
      "metrics.listen": "must differ from grpc.listen",
    });
    expect(problemsOf({ ...minimal, grpc: free, http: free, public_http: free, metrics: free })).toEqual({});
    expect(problemsOf({ ...minimal, http: { listen: "127.0.0.1:9081" } })).toEqual({
      "http.listen": "must differ from grpc.listen",
    });
  });
});

describe("public_http", () => {
  it.each(["*", "app.example.com", "https://app.example.com/", "HTTPS://app.example.com", "https://a.example:443"])(
    "admits no %s for an origin",
    (origin) => {
      expect(problemsOf({ ...minimal, public_http: { origins: [origin] } })).toEqual({
        "public_http.origins[0]": expect.stringContaining("must be an origin such as"),
      });
    },
  );

  it("needs TLS or plaintext beyond loopback, and cannot be used while everybody is an administrator", () => {
    expect(problemsOf({ ...minimal, public_http: { listen: "0.0.0.0:1" } })).toEqual({
      "public_http.plaintext": "must be true to listen beyond loopback without tls",
    });
    expect(problemsOf({ ...minimal, public_http: {}, dangerously_disable_caller_authentication: true })).toEqual({
      public_http: "must not be set while dangerously_disable_caller_authentication is true",
    });
  });
});
