import { isIP } from "node:net";
import type { Parsed } from "../domain/identifier.js";
import { nearest } from "../domain/nearest.js";
import type { DatabaseAddress, DatabaseTls } from "./database-address.js";

/*
 * Parses URLs as libpq does (PostgreSQL, 34.1.1.2 and 34.1.2), and also passwords without percent-encoding. Problems
 * never repeat a part of the URL: in a wrong URL, any part may be the password.
 */

const form = "postgres://USER:PASSWORD@HOST/DATABASE";

/** Thrown and caught in this file only. */
class UrlProblem extends Error {}

function refuse(problem: string): never {
  throw new UrlProblem(problem);
}

/** Parses a database URL and reads the files that it names. */
export function parseDatabaseUrl(text: string, readFile: (name: string) => string): Parsed<DatabaseAddress> {
  try {
    return { ok: true, value: addressOf(text, readFile) };
  } catch (error) {
    if (error instanceof UrlProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

function addressOf(text: string, readFile: (name: string) => string): DatabaseAddress {
  const rest = /^postgres(?:ql)?:\/\/(.*)$/is.exec(text)?.[1];
  if (rest === undefined)
    return refuse(`must start with postgres://, as in ${form}; the key=value form is not supported`);
  const { userinfo, hosts, path, query } = readingOf(rest);
  const given = parametersOf(query);
  const [, user, password] = /^([^:]*)(?::(.*))?$/s.exec(userinfo) ?? [];
  const all = hostsOf(
    given.get("host") ?? hosts.map(({ host }) => decode(host)).join(","),
    given.get("port")?.split(",") ?? hosts.map(({ port }) => port),
  );
  const socket = all.some(({ host }) => host.startsWith("/"));
  if (socket && all.length > 1) return refuse("names the directory of a socket, which must be the only host");
  const sessions = sessionsOf(given.get("target_session_attrs"));
  if (all.length > 1 && !sessions) {
    return refuse(
      "has several hosts, so it needs target_session_attrs=read-write or primary: only the primary may be used, " +
        "because a standby may lag behind",
    );
  }
  const seconds = given.get("connect_timeout");
  if (seconds !== undefined && !/^[1-9]\d?$/.test(seconds)) return refuse("connect_timeout must be 1 to 99 seconds");
  const tls = tlsOf(given, readFile);
  return {
    hosts: all,
    ...notEmpty("user", given.get("user") ?? decode(user ?? "")),
    ...notEmpty("password", given.get("password") ?? decode(password ?? "")),
    ...notEmpty("database", given.get("dbname") ?? decode(path)),
    // As in libpq, a Unix socket has no TLS.
    tls: socket ? { mode: "disable" } : tls,
    ...(sessions && { sessions }),
    ...(seconds !== undefined && { connectTimeoutSeconds: Number(seconds) }),
    parameters: {
      ...notEmpty("application_name", given.get("application_name") ?? ""),
      ...notEmpty("options", given.get("options") ?? ""),
    },
  };
}

function notEmpty<Name extends string>(name: Name, value: string): { readonly [name in Name]?: string } {
  // The computed key widens to an index signature.
  return value === "" ? {} : ({ [name]: value } as { readonly [name in Name]: string });
}

interface Reading {
  readonly userinfo: string;
  readonly hosts: readonly { readonly host: string; readonly port: string }[];
  readonly path: string;
  readonly query: string;
}

const oneHost = String.raw`(?:\[[^\]@/?]*\]|(?:[\w.~-]|%[0-9a-f]{2})*)(?::\d*)?`;
const afterUser = new RegExp(
  String.raw`^(${oneHost}(?:,${oneHost})*)(?:/([^/@?]*))?(?:\?((?:\w+=[^&]*&)*\w+=[^&]*)?)?$`,
  "is",
);

/**
 * Splits at the first `@` after which everything is well-formed, since any `@` may be part of a password. URLs that
 * libpq can parse have the same meaning here.
 */
function readingOf(text: string): Reading {
  for (let at = -1; ; ) {
    const parts = afterUser.exec(text.slice(at + 1));
    if (parts) {
      const [, hosts = "", path = "", query = ""] = parts;
      return { userinfo: text.slice(0, Math.max(at, 0)), hosts: hosts.split(/,/).map(hostAndPort), path, query };
    }
    at = text.indexOf("@", at + 1);
    if (at === -1) {
      return refuse(
        `must have the form ${form}?NAME=VALUE: IPv6 as in [::1]:5432, a comma between two hosts, ` +
          "and special characters percent-encoded, such as / (%2F) in the name of the database",
      );
    }
  }
}

function hostAndPort(text: string): { readonly host: string; readonly port: string } {
  const [, ipv6, name = "", port = ""] = /^(?:\[(.*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? [];
  if (ipv6 !== undefined && isIP(ipv6) !== 6) return refuse("has no IPv6 address between the brackets of its host");
  return { host: ipv6 ?? name, port };
}

function hostsOf(list: string, ports: readonly string[]): DatabaseAddress["hosts"] {
  const hosts = list.split(",");
  if (ports.length !== 1 && ports.length !== hosts.length) {
    return refuse("must have one port, or as many as it has hosts");
  }
  return hosts.map((host, n) => {
    if (host === "") return refuse(`must name a host: ${form}, or ?host=/DIRECTORY for a Unix socket`);
    const port = (ports.length === 1 ? ports[0] : ports[n]) || "5432";
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
      return refuse("must have ports of 1 to 65535");
    return { host, port: Number(port) };
  });
}

function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    return refuse("has a % without two hex digits after it: write %25 for a percent sign");
  }
  return decoded.includes("\0") ? refuse("must not contain %00") : decoded;
}

const taken = [
  "host",
  "port",
  "dbname",
  "user",
  "password",
  "application_name",
  "options",
  "connect_timeout",
  "target_session_attrs",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
];

/** Values of parameters that describe what is done anyway; they are ignored. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  channel_binding: ["disable", "prefer"],
  client_encoding: ["auto", "utf8", "UTF8", "utf-8", "UTF-8"],
  gssencmode: ["disable", "prefer"],
  load_balance_hosts: ["disable"],
  sslnegotiation: ["postgres"],
};

const leaveOut = "remove it";

/** Parameters of other programs, with why they are refused or what to do instead. */
const others: Readonly<Record<string, string>> = {
  channel_binding: "the driver cannot bind to the channel: remove it, and set sslmode=verify-full",
  client_encoding: "must be UTF8",
  gssencmode: "the driver does not support GSS: remove it",
  load_balance_hosts: "hosts are always tried in their order: remove it",
  hostaddr: "write the address as the host",
  passfile: "write the password into the URL, and the URL into a file named by url_file",
  service: "write the settings of the service into the URL",
  sslpassword: "store the key without a password",
  sslnegotiation: leaveOut,
  sslcrl: leaveOut,
  sslcrldir: leaveOut,
  sslcertmode: leaveOut,
  sslcompression: leaveOut,
  sslsni: leaveOut,
  ssl_min_protocol_version: leaveOut,
  ssl_max_protocol_version: leaveOut,
  require_auth: leaveOut,
  requirepeer: leaveOut,
  keepalives: leaveOut,
  keepalives_idle: leaveOut,
  keepalives_interval: leaveOut,
  keepalives_count: leaveOut,
  tcp_user_timeout: leaveOut,
  fallback_application_name: "use application_name",
  replication: leaveOut,
  ssl: "use sslmode",
  sslaccept: "use sslmode",
  schema: "the tables are in the schema public: remove it",
  search_path: "the tables are in the schema public: remove it",
  pgbouncer: "remove it, and set database.prepare to false",
  prepare: "remove it, and set database.prepare",
  prepareThreshold: "remove it, and set database.prepare to false",
  statement_cache_size: "remove it, and set database.prepare",
  connection_limit: "remove it, and set database.max_connections",
  pool_max_conns: "remove it, and set database.max_connections",
  max: "remove it, and set database.max_connections",
  pool_timeout: leaveOut,
  socket_timeout: leaveOut,
  pool_mode: leaveOut,
  uselibpqcompat: leaveOut,
  supa: leaveOut,
};

/** Returns the supported parameters by name. Of several with one name, the last one applies, as in libpq. */
function parametersOf(query: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const pairs = query === "" ? [] : query.split("&");
  for (const [n, pair] of pairs.entries()) {
    const [name = "", ...value] = pair.split("=");
    const text = decode(value.join("="));
    if (taken.includes(name)) found.set(name, text);
    // `ssl=true` of JDBC, which libpq accepts too.
    else if (name === "ssl" && text === "true") found.set("sslmode", "require");
    else if (Object.hasOwn(harmless, name) && harmless[name]?.includes(text)) continue;
    else if (Object.hasOwn(others, name)) refuse(`has the unsupported parameter ${name}: ${others[name]}`);
    else {
      const meant = nearest(name, taken);
      const cure = "remove it, or set a parameter of PostgreSQL with options=-c%20NAME%3DVALUE";
      refuse(`has an unknown parameter at place ${n + 1}; ${meant === undefined ? cure : `did you mean ${meant}?`}`);
    }
  }
  return found;
}

function sessionsOf(attributes: string | undefined): DatabaseAddress["sessions"] {
  switch (attributes) {
    case undefined:
    case "any":
      return undefined;
    case "read-write":
    case "primary":
      return attributes;
    default:
      return refuse(
        "target_session_attrs must be read-write, primary or any: Patwarden needs a server that accepts writes",
      );
  }
}

const modes: readonly DatabaseTls["mode"][] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

function tlsOf(given: ReadonlyMap<string, string>, readFile: (name: string) => string): DatabaseTls {
  const [root, certFile, keyFile] = ["sslrootcert", "sslcert", "sslkey"].map((name) => given.get(name));
  const system = root === "system";
  const word = given.get("sslmode") ?? (system ? "verify-full" : "disable");
  const named = modes.find((each) => each === word);
  if (named === undefined) return refuse(`sslmode must be one of ${modes.join(", ")}`);
  if (system && named !== "verify-full") return refuse("sslrootcert=system needs sslmode=verify-full");
  if (root === undefined && named === "verify-ca") {
    return refuse("sslmode=verify-ca needs sslrootcert=FILE; verify-full uses the system's authorities without one");
  }
  const weak = named === "disable" || named === "prefer";
  if (weak && (root !== undefined || certFile !== undefined || keyFile !== undefined)) {
    return refuse("needs sslmode=require, verify-ca or verify-full when it has sslrootcert, sslcert or sslkey");
  }
  if ((certFile === undefined) !== (keyFile === undefined))
    return refuse("must have both of sslcert and sslkey, or none");
  const read = (name: string, file: string | undefined): string | undefined => {
    if (file === undefined) return undefined;
    try {
      return readFile(file);
    } catch {
      return refuse(`has a file in ${name} that cannot be read`);
    }
  };
  return {
    // As in libpq, `require` with a root certificate verifies it.
    mode: named === "require" && root !== undefined ? "verify-ca" : named,
    ...notEmpty("ca", (system ? undefined : read("sslrootcert", root)) ?? ""),
    ...notEmpty("cert", read("sslcert", certFile) ?? ""),
    ...notEmpty("key", read("sslkey", keyFile) ?? ""),
  };
}
