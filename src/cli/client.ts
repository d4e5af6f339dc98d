import { existsSync, readFileSync } from "node:fs";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, Code, type ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { headerProblem, withoutLineEnd } from "../config/secret.js";
import { isConfidential } from "../domain/network.js";

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
  const baseUrl = serverUrl(url).href;
  const key = readKey(keyFile);
  const transport = createConnectTransport({
    baseUrl,
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

/** What is judged is what is called: the parsed URL. No error repeats it, since it may hold a password. */
function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url?.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!url || !plain || !/^https?:$/.test(url.protocol)) {
    throw new Error("--url or PATWARDEN_CLIENT_URL must be an https: or http: URL without user, query and fragment");
  }
  if (!isConfidential(url)) {
    throw new Error(`${url.origin} would send the key in clear text; use https://, or a loopback address`);
  }
  return url;
}

function readKey(file: string | undefined): string {
  const { source, text } = keyText(file);
  const key = withoutLineEnd(text);
  const problem = headerProblem(key);
  if (problem !== undefined) throw new Error(`the service key of ${source} ${problem}`);
  return key;
}

function keyText(file: string | undefined): { readonly source: string; readonly text: string } {
  if (file !== undefined) return { source: "--key-file", text: readKeyFile("--key-file", file) };
  const given = process.env["PATWARDEN_CLIENT_KEY"];
  if (given) return { source: "PATWARDEN_CLIENT_KEY", text: given };
  if (existsSync(devKeyFile)) return { source: devKeyFile, text: readKeyFile(devKeyFile, devKeyFile) };
  throw new Error("no service key: name its file by --key-file, or put it into PATWARDEN_CLIENT_KEY");
}

/** The error names the option alone: somebody may have given the key instead of the name of its file. */
function readKeyFile(source: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new Error(`the file of ${source} cannot be read: ${code}`);
  }
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
