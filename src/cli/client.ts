import { existsSync, readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, type ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema } from "#third-party/google/rpc/error_details_pb.js";

/** How the commands that manage tokens reach a running Patwarden. */
export interface Connection {
  /** Of its HTTP port. */
  readonly url: string;
  /** File that holds the service key. A key is never an argument: the list of processes would show it. */
  readonly keyFile?: string;
}

/** Where `patwarden dev` keeps its key. */
const devKeyFile = ".patwarden/service-key";
const timeoutMs = 30_000;

/** A client of a service, with the key of `--key-file`, of PATWARDEN_CLIENT_KEY, or of `patwarden dev` in this folder. */
export function connect<S extends DescService>(service: S, { url, keyFile }: Connection): Client<S> {
  const key = readKey(keyFile);
  if (url.startsWith("http:") && !isLoopbackUrl(url)) {
    throw new Error(`${url} would send the key in clear text; use https://, or a loopback address`);
  }
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    defaultTimeoutMs: timeoutMs,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${key}`);
        return next(request);
      },
    ],
  });
  return createClient(service, transport);
}

function readKey(file: string | undefined): string {
  if (file !== undefined) return readFileSync(file, "utf8").trim();
  const given = process.env["PATWARDEN_CLIENT_KEY"];
  if (given !== undefined) return given;
  if (existsSync(devKeyFile)) return readFileSync(devKeyFile, "utf8").trim();
  throw new Error("no service key: name its file by --key-file, or put it into PATWARDEN_CLIENT_KEY");
}

function isLoopbackUrl(url: string): boolean {
  return /^http:\/\/(127(\.\d{1,3}){3}|localhost|\[::1\])(:\d+)?(\/|$)/.test(url);
}

/** EX_TEMPFAIL of sysexits.h: trying again may help. */
const temporary = 75;

/** What an API error says to a person, and the exit code for a script. */
export function describeApiError(error: ConnectError): { readonly text: string; readonly exitCode: number } {
  const [info] = error.findDetails(ErrorInfoSchema);
  const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const facts = Object.entries(info?.metadata ?? {}).map(([name, value]) => `  ${name}: ${value}`);
  const fields = violations.map(({ field, description }) => `  ${field}: ${description}`);
  const lines = [`${info?.reason ?? Code[error.code]}: ${error.rawMessage}`, ...facts, ...fields];
  const passing =
    error.code === Code.Unavailable || error.code === Code.DeadlineExceeded || error.code === Code.ResourceExhausted;
  return { text: lines.join("\n"), exitCode: passing ? temporary : 1 };
}
