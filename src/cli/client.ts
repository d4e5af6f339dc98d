import { existsSync, readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema, PreconditionFailureSchema } from "#gen/google/rpc/error_details_pb.js";
import { headerProblem, withoutLineEnd } from "../config/secret.js";
import { isConfidential } from "../domain/network.js";
import { durationText } from "./output.js";

/** The options for connecting to a running Patwarden. */
export interface Connection {
  /** URL of its HTTP port. */
  readonly url: string;
  /** File with the service key. The key itself is never an argument: the list of processes would show it. */
  readonly keyFile?: string;
}

/** The error of a failed call, with a text for the person at the terminal. */
export class CallError extends ConnectError {
  readonly exitCode: number;
  /** Reason of the API's error, without its prefix; undefined when no API answered. */
  readonly reason: string | undefined;

  constructor(text: string, { code }: ConnectError, exitCode: number, reason?: string) {
    super(text, code);
    this.exitCode = exitCode;
    this.reason = reason;
  }
}

/** The file where `patwarden dev` stores its key. */
const devKeyFile = ".patwarden/service-key";
const timeoutMs = 30_000;

/**
 * Returns a client of a service, with the key of `--key-file`, of PATWARDEN_CLIENT_KEY, or of `patwarden dev` in this
 * folder. Its calls throw a CallError.
 */
export function connect<S extends DescService>(service: S, { url, keyFile }: Connection): Client<S> {
  const server = serverUrl(url);
  const key = readKey(keyFile);
  const authorized: Interceptor = (next) => async (request) => {
    request.header.set("authorization", `Bearer ${key.key}`);
    try {
      return await next(request);
    } catch (error) {
      throw callError(error, server, key.source);
    }
  };
  const transport = createConnectTransport({
    baseUrl: server.href,
    httpVersion: "1.1",
    defaultTimeoutMs: timeoutMs,
    interceptors: [authorized],
  });
  return createClient(service, transport);
}

/** Returns the parsed URL, which is then called as checked. No error contains it, since it may have a password. */
function serverUrl(text: string): URL {
  const source = "--url or PATWARDEN_CLIENT_URL";
  // `127.0.0.1:9080` is not a URL, and `localhost:9080` is a URL with the scheme `localhost`.
  if (/^(\[[\da-f:.]+\]|[\w.-]+)(:\d+)?\/?$/i.test(text)) {
    throw new Error(`${source} has no scheme: write http:// or https:// before the host, as in http://127.0.0.1:9080`);
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url?.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!url || !plain || !/^https?:$/.test(url.protocol)) {
    throw new Error(`${source} must be an https: or http: URL without user, query or fragment`);
  }
  if (!isConfidential(url)) {
    throw new Error(`${url.origin} would send the key in clear text; use https://, or a loopback address`);
  }
  return url;
}

interface Key {
  readonly key: string;
  /** The source of the key, for errors. */
  readonly source: string;
}

/** Reads the service key that a command calls with. */
export function readKey(file: string | undefined): Key {
  const { source, key: text } = keyText(file);
  if (/^\s*key:|\bkey_sha256\b/.test(text)) {
    throw new Error(
      `the service key of ${source} is the whole output of \`patwarden keys service\`; keep only the key itself, the word with _svc_ after "key", without the hash`,
    );
  }
  const key = withoutLineEnd(text);
  const problem = headerProblem(key);
  if (problem !== undefined) throw new Error(`the service key of ${source} ${problem}`);
  return { source, key };
}

function keyText(file: string | undefined): Key {
  if (file !== undefined) return { source: "--key-file", key: readKeyFile("--key-file", file) };
  const given = process.env["PATWARDEN_CLIENT_KEY"];
  if (given) return { source: "PATWARDEN_CLIENT_KEY", key: given };
  if (existsSync(devKeyFile)) return { source: devKeyFile, key: readKeyFile(devKeyFile, devKeyFile) };
  throw new Error("no service key: name its file with --key-file, or set PATWARDEN_CLIENT_KEY");
}

/** Reads a key file. The error does not name the file: it may be the key itself, given by mistake. */
function readKeyFile(source: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`cannot read the file of ${source}: ${codeOf(error) ?? "unknown error"}`);
  }
}

/** The exit code for a failure that may pass: the server, its database or OpenFGA did not answer (EX_TEMPFAIL). */
export const temporaryExitCode = 75;

/** Returns the error of a failed call, with the exit code of the command. */
function callError(thrown: unknown, server: URL, keySource: string): CallError {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const passing =
    error.code === Code.Unavailable || error.code === Code.DeadlineExceeded || error.code === Code.ResourceExhausted;
  const exitCode = passing ? temporaryExitCode : 1;
  if (!info) return new CallError(withoutAnswer(error, server), error, exitCode);
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  // `value` of POLICY_VIOLATION.
  const shown = (name: string, value: string): string =>
    name === "value" && /^[\d.]+s$/.test(value) ? durationText(Number.parseFloat(value)) : value;
  const facts = Object.entries(info.metadata).map(([name, value]) => `  ${name}: ${shown(name, value)}`);
  const fields = violations.map(({ field, description }) => `  ${field}: ${description}`);
  const limits = error.findDetails(PreconditionFailureSchema).flatMap(({ violations }) => violations);
  const exceeded = limits.map(({ subject, description }) => `  ${subject}: ${description}`);
  const hint = info.reason === "CALLER_UNAUTHENTICATED" ? [`  the key came from ${keySource}`] : [];
  const text = [`${info.reason}: ${error.rawMessage}`, ...facts, ...fields, ...exceeded, ...hint].join("\n");
  return new CallError(text, error, exitCode, info.reason);
}

/** Describes a call without an answer of Patwarden: what happened, and what to change. */
function withoutAnswer(error: ConnectError, { origin, pathname }: URL): string {
  const code = codeOf(error.cause);
  const change = "--url or PATWARDEN_CLIENT_URL";
  switch (code) {
    case "ECONNREFUSED":
      return `nothing listens at ${origin}: is Patwarden running there? See ${change} (${error.rawMessage})`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the host of ${origin} cannot be found; see ${change}`;
    case "EPROTO":
      return `${origin} does not speak TLS; use http:// in ${change}`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `the certificate of ${origin} is not trusted: name a PEM file of its authority in NODE_EXTRA_CA_CERTS (${error.rawMessage})`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `the certificate of ${origin} is for another host; see ${change}`;
    case "ECONNRESET":
    case "EPIPE":
      return `${origin} closed the connection: ${change} must name the HTTP port, with https:// if it speaks TLS`;
  }
  // Ports of gRPC answer HTTP/1.1 with 505 or in HTTP/2.
  if (code?.startsWith("HPE_") || error.rawMessage === "HTTP 505") {
    return `${origin} does not speak HTTP/1.1: is it the gRPC port? ${change} must name the HTTP port, 9080 by default`;
  }
  if (error.code === Code.Unimplemented) {
    const path = pathname === "/" ? "" : `, and without the path ${pathname}`;
    return `${origin} has no Patwarden API: ${change} must name the HTTP port, 9080 by default${path}`;
  }
  return `${Code[error.code]}: ${error.rawMessage}`;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
