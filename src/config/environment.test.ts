import { describe, expect, it } from "vitest";
import { changed, configOf, fileOf, minimal, problemsOf } from "../../test/kit/config-file.js";

describe("PATWARDEN_ variables", () => {
  it("replace values of the file", () => {
    const env = {
      PATWARDEN_DATABASE_URL: "postgres://env/x",
      PATWARDEN_DATABASE_MAX_CONNECTIONS: "7",
      PATWARDEN_DATABASE_PREPARE: "false",
      PATWARDEN_OPENFGA_ADDRESSES: "10.0.0.1:1, 10.0.0.2:2",
      PATWARDEN_OPENFGA_AUTH_PRESHARED: "123",
      PATWARDEN_OPENFGA_TLS: "true",
      PATWARDEN_DRAIN_DELAY: "1s",
    };
    expect(configOf(minimal, env)).toMatchObject({
      database: { address: { hosts: [{ host: "env" }], database: "x" }, maxConnections: 7, prepare: false },
      openfga: {
        addresses: [
          { host: "10.0.0.1", port: 1 },
          { host: "10.0.0.2", port: 2 },
        ],
        auth: { preshared: "123" },
        tls: true,
      },
      drainDelayMs: 1000,
    });
  });

  it("can name the file of a secret, and replace one that the configuration file names", () => {
    const content = changed({ database: { url_file: fileOf("postgres://file/x") } });
    expect(configOf(content, { PATWARDEN_DATABASE_URL: "postgres://env/x" }).database.address.hosts[0]?.host).toBe(
      "env",
    );
    const env = { PATWARDEN_DATABASE_URL_FILE: fileOf("postgres://env-file/x") };
    expect(configOf(minimal, env).database.address.hosts[0]?.host).toBe("env-file");
  });

  it("are reported by key and name without value when wrong, by name when unknown", () => {
    const env = {
      PATWARDEN_DATABASE_MAX_CONNECTIONS: "canary",
      PATWARDEN_DATABASE_PREPARE: "1",
      PATWARDEN_GRPC_ENGINE: "Builtin",
      PATWARDEN_OPENFGA_ADDRESSES: "10.0.0.1:1,canary",
      PATWARDEN_OPENFGA_AUTH_PRESHARED_FILE: "/nowhere/canary",
      PATWARDEN_DATABSE_URL: "canary",
      PATWARDEN_CALLERS: "canary",
    };
    expect(problemsOf(minimal, env)).toEqual({
      "database.max_connections": "must be a number (from PATWARDEN_DATABASE_MAX_CONNECTIONS)",
      "database.prepare": "must be true or false (from PATWARDEN_DATABASE_PREPARE)",
      "grpc.engine": "must be one of builtin, grpc-js (from PATWARDEN_GRPC_ENGINE)",
      "openfga.addresses[1]": expect.stringMatching(/^must be .* \(from PATWARDEN_OPENFGA_ADDRESSES\)$/),
      "openfga.auth.preshared_file": expect.stringMatching(
        /^cannot be read: .* \(from PATWARDEN_OPENFGA_AUTH_PRESHARED_FILE\)$/,
      ),
      PATWARDEN_DATABSE_URL: "is unknown; did you mean PATWARDEN_DATABASE_URL?",
      PATWARDEN_CALLERS: "is unknown",
    });
  });

  it.each([
    "PATWARDEN_TEST_DATABASE_URL",
    "PATWARDEN_SERVICE_HOST",
    "PATWARDEN_SERVICE_PORT",
    "PATWARDEN_SERVICE_PORT_GRPC",
    "PATWARDEN_PORT",
    "PATWARDEN_PORT_9081_TCP",
    "PATWARDEN_PORT_9081_TCP_ADDR",
    "PATWARDEN_HTTP_SERVICE_HOST",
    "OTHER_VARIABLE",
  ])("%s is none of ours", (name) => {
    expect(problemsOf(minimal, { [name]: "tcp://10.0.0.1:9081" })).toEqual({});
  });

  it("count as absent when empty", () => {
    expect(configOf(minimal, { PATWARDEN_DATABASE_URL: "" }).database.address.hosts[0]?.host).toBe("db");
  });

  it("do not hide a section that is not a mapping", () => {
    expect(problemsOf(changed({ grpc: 5 }), { PATWARDEN_GRPC_LISTEN: "127.0.0.1:1" })).toEqual({
      grpc: "must be a mapping",
    });
  });
});
