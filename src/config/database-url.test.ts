import { describe, expect, it } from "vitest";
import { parseDatabaseUrl } from "./database-url.js";

const parse = (url: string) => parseDatabaseUrl(url, (name) => `content of ${name}`);

const at = (...hosts: readonly string[]) => hosts.map((host) => ({ host, port: 5432 }));
const plain = { tls: { mode: "disable" }, parameters: {} };
const usual = { ...plain, hosts: at("db"), user: "u", password: "p", database: "d" };

describe("B6 a database URL", () => {
  it.each<readonly [string, object]>([
    ["postgres://u:p@db/d", usual],
    ["postgresql://u:p@db/d", usual],
    ["POSTGRES://u:p@db/d", usual],
    ["postgres://u:p@db:5432/d", usual],
    ["postgres://u:p@db:/d", usual],
    ["postgres://db", { ...plain, hosts: at("db") }],
    ["postgres://db/d", { ...plain, hosts: at("db"), database: "d" }],
    ["postgres://u@db/", { ...plain, hosts: at("db"), user: "u" }],
    ["postgres:///d?host=db&user=u&password=p", usual],
    ["postgres://x:y@z/q?host=db&user=u&password=p&dbname=d&port=5432", usual],
    // Hosts.
    ["postgres://u:p@[::1]/d", { ...usual, hosts: at("::1") }],
    ["postgres://u:p@[2001:db8::1]:6543/d", { ...usual, hosts: [{ host: "2001:db8::1", port: 6543 }] }],
    ["postgres://u:p@my_db-1.example.com/d", { ...usual, hosts: at("my_db-1.example.com") }],
    [
      "postgres://u:p@a:1,[::1]:2,c/d?target_session_attrs=read-write",
      {
        ...usual,
        hosts: [
          { host: "a", port: 1 },
          { host: "::1", port: 2 },
          { host: "c", port: 5432 },
        ],
        sessions: "read-write",
      },
    ],
    [
      "postgres://u:p@/d?host=a,b&port=1&target_session_attrs=primary",
      { ...usual, hosts: ["a", "b"].map((host) => ({ host, port: 1 })), sessions: "primary" },
    ],
    ["postgres://u:p@db/d?target_session_attrs=any", usual],
    ["postgres://u:p@/d?host=/run/postgresql", { ...usual, hosts: at("/run/postgresql") }],
    ["postgres://u:p@%2Frun%2Fpostgresql:5433/d", { ...usual, hosts: [{ host: "/run/postgresql", port: 5433 }] }],
    ["postgres://u:p@/d?host=/run/postgresql&sslmode=require", { ...usual, hosts: at("/run/postgresql") }],
    // Passwords, with and without percent-encoding.
    ["postgres://u:a%40b%2Fc%23d%3Fe%25@db/d", { ...usual, password: "a@b/c#d?e%" }],
    ["postgres://u:a@b@db/d", { ...usual, password: "a@b" }],
    ["postgres://u:a/b@db/d", { ...usual, password: "a/b" }],
    ["postgres://u:a#b@db/d", { ...usual, password: "a#b" }],
    ["postgres://u:a?b@db/d", { ...usual, password: "a?b" }],
    ["postgres://u:a:b[c]@db/d", { ...usual, password: "a:b[c]" }],
    ["postgres://u:1/2@db/d", { ...usual, password: "1/2" }],
    ["postgres://u:x@y/z@db/d", { ...usual, password: "x@y/z" }],
    [
      "postgres://u:@x/#?y@db/d?application_name=a@b",
      { ...usual, password: "@x/#?y", parameters: { application_name: "a@b" } },
    ],
    ["postgres://u:+%2B@db/d", { ...usual, password: "++" }],
    // Parameters.
    [
      "postgres://u:p@db/d?application_name=my%20app&connect_timeout=10&options=-c%20search_path%3Dx%20-c%20y=z",
      {
        ...usual,
        connectTimeoutSeconds: 10,
        parameters: { application_name: "my app", options: "-c search_path=x -c y=z" },
      },
    ],
    ["postgres://u:p@db/d?sslmode=disable", usual],
    ["postgres://u:p@db/d?sslmode=prefer", { ...usual, tls: { mode: "prefer" } }],
    ["postgres://u:p@db/d?ssl=true", { ...usual, tls: { mode: "require" } }],
    ["postgres://u:p@db/d?sslmode=require&sslnegotiation=postgres", { ...usual, tls: { mode: "require" } }],
    ["postgres://u:p@db/d?sslmode=require&channel_binding=prefer", { ...usual, tls: { mode: "require" } }],
    [
      "postgres://u:p@db/d?sslmode=require&sslrootcert=ca",
      { ...usual, tls: { mode: "verify-ca", ca: "content of ca" } },
    ],
    ["postgres://u:p@db/d?sslmode=verify-full", { ...usual, tls: { mode: "verify-full" } }],
    ["postgres://u:p@db/d?sslrootcert=system", { ...usual, tls: { mode: "verify-full" } }],
    [
      "postgres://u:p@db/d?sslmode=verify-full&sslrootcert=/ca&sslcert=/c&sslkey=/k",
      { ...usual, tls: { mode: "verify-full", ca: "content of /ca", cert: "content of /c", key: "content of /k" } },
    ],
  ])("%s is taken", (url, value) => {
    expect(parse(url)).toEqual({ ok: true, value });
  });

  const canary = "hunter2";
  it.each<readonly [string, string]>([
    ["host=db user=u password=hunter2", "the key=value form is not supported"],
    ["mysql://u:hunter2@db/d", "must start with postgres://"],
    ["postgres://", "must name a host"],
    ["postgres:///d", "?host=/DIRECTORY for a Unix socket"],
    ["postgres://u:hunter2@/d", "must name a host"],
    ["postgres://u:hunter2@a,,b/d", "must name a host"],
    ["postgres://u:hunter2@db/d/e", "must have the form postgres://USER:PASSWORD@HOST/DATABASE"],
    ["postgres://u:hunter2@[::g]/d", "no IPv6 address"],
    ["postgres://u:hunter2@::1/d", "must have the form"],
    ["postgres://u:hunter2@db:0/d", "ports of 1 to 65535"],
    ["postgres://u:hunter2@db:65536/d", "ports of 1 to 65535"],
    ["postgres://u:hunter2@a:1,b:2/d?port=1,2,3", "as many as it has hosts"],
    ["postgres://u:hunter2%zz@db/d", "write %25 for a percent sign"],
    ["postgres://u:hunter2%00@db/d", "must not contain %00"],
    ["postgres://u:hunter2@/d?host=/a,/b", "must be the only host"],
    ["postgres://u:hunter2@db/d?schema=public", "schema: the tables are in the schema public"],
    ["postgres://u:hunter2@db/d?connection_limit=5", "database.max_connections"],
    ["postgres://u:hunter2@db/d?pgbouncer=true", "database.prepare to false"],
    ["postgres://u:hunter2@db/d?pgbouncer=true&password=a@b", "database.prepare to false"],
    ["postgres://u:hunter2@db/d?DateStyle=SQL", "options=-c%20NAME%3DVALUE"],
    ["postgres://u:hunter2@db/d?ssl_mode=require", "unknown parameter at place 1; did you mean sslmode?"],
    ["postgres://u:x@y?hunter2=z@db/d", "unknown parameter at place 1"],
    ["postgres://u:hunter2@db/d?channel_binding=require", "cannot bind to the channel"],
    ["postgres://u:hunter2@db/d?sslmode=allow", "sslmode must be one of disable, prefer, require"],
    ["postgres://u:hunter2@db/d?sslmode=verify-ca", "needs sslrootcert=FILE"],
    ["postgres://u:hunter2@db/d?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"],
    ["postgres://u:hunter2@db/d?sslrootcert=ca", "needs sslmode=require"],
    ["postgres://u:hunter2@db/d?sslmode=require&sslcert=c", "both of sslcert and sslkey"],
    ["postgres://u:hunter2@db/d?target_session_attrs=standby", "read-write, primary or any"],
    ["postgres://u:hunter2@db/d?connect_timeout=0", "1 to 99 seconds"],
  ])("%s is refused with what would be right, and without a part of it", (url, problem) => {
    const parsed = parse(url);
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
    expect(JSON.stringify(parsed)).not.toContain(canary);
  });

  it.each([
    "postgres://u:hunter2@a,b/d",
    "postgres://u:hunter2@a:1,a:2/d",
    "postgres://u:hunter2@/d?host=a,b",
    "postgres://u:hunter2@a,b/d?target_session_attrs=any",
  ])("S9 %s is refused: the host that answers first may be a standby", (url) => {
    const parsed = parse(url);
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringContaining("target_session_attrs=read-write") });
    expect(JSON.stringify(parsed)).not.toContain(canary);
  });

  it("names the parameter of a file that cannot be read", () => {
    const unreadable = (): string => {
      throw new Error("ENOENT: /secret/place");
    };
    expect(parseDatabaseUrl("postgres://db/d?sslmode=verify-full&sslrootcert=/secret/place", unreadable)).toEqual({
      ok: false,
      problem: "has a file in sslrootcert that cannot be read",
    });
  });

  it("is parsed quickly, however long it is", () => {
    for (const part of ["a,", "%41", "@", "a=b&", "[", "h:1,"]) parse(`postgres://${part.repeat(20_000)}\n@`);
  });
});
