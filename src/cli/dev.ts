import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Document, readDocument } from "../config/document.js";
import { defaultBrand } from "../config/tokens.js";
import { type HostPort, parseHostPort } from "../domain/host-port.js";
import { isLoopback } from "../domain/network.js";
import type { Tuple } from "../openfga/admin/admin.js";
import { findOpenFga } from "../openfga/admin/binary.js";
import { type Exit, exitText } from "../openfga/admin/exit.js";
import type { DevAddresses } from "../server/dev/config.js";
import { lockFolder } from "../server/dev/folder-lock.js";
import { startDev } from "../server/dev/start.js";
import { freshSecrets, keptSecrets, makePrivateDirectory } from "../server/dev/state-directory.js";
import { tryOutLines } from "../server/dev/try-out-lines.js";
import { createLogger } from "../telemetry/log.js";
import { ListenError } from "../transport/listen-error.js";
import { tell, writeOut } from "./output.js";
import { aborted, takeSignals } from "./signals.js";

/** The options with a loopback address, `HOST:PORT`. */
const addressFlags = {
  http: "--http",
  grpc: "--grpc",
  publicHttp: "--public-http",
  console: "--console",
  issuer: "--issuer",
  sample: "--sample",
} as const satisfies Record<keyof DevAddresses, string>;

export interface DevCommandOptions extends Readonly<Record<keyof DevAddresses, string>> {
  /** Whether to keep nothing: database and OpenFGA in memory, new secrets. */
  readonly ephemeral: boolean;
  readonly directory: string;
  readonly model?: string;
  readonly tuples?: string;
  readonly examples: boolean;
  readonly readyFile?: string;
}

const exampleModel = fileURLToPath(new URL("../../examples/direct/model.fga", import.meta.url));
const exampleTuples = fileURLToPath(new URL("../../examples/direct/tuples.json", import.meta.url));

/**
 * Runs the whole service in one process on loopback, with its own OpenFGA, until a signal. A signal during the start
 * ends the process at once; the folder lock and OpenFGA end with the process.
 */
export async function dev(options: DevCommandOptions): Promise<void> {
  const { ephemeral, readyFile, examples } = options;
  const addresses = readAddresses(options);
  const modelFile = options.model ?? exampleModel;
  const model = { file: modelFile, text: readFileSync(modelFile, "utf8") };
  const catalog = readCatalog(join(dirname(modelFile), "catalog.yaml"));
  const tuplesFile = options.tuples ?? (options.model === undefined ? exampleTuples : undefined);
  const tuples = tuplesFile === undefined ? [] : readTuples(tuplesFile);
  const binary = findOpenFga();
  if (binary === undefined)
    throw new Error("`openfga` was not found on the PATH or in .tools/bin; `make openfga` installs it");

  const log = createLogger({ level: "warn" });
  const directory = await ownDirectory(options);
  // A ready file of a killed process would be taken for ours.
  if (readyFile !== undefined) rmSync(readyFile, { force: true });
  const secrets = await (ephemeral ? freshSecrets(defaultBrand) : keptSecrets(directory, defaultBrand));
  tell("opening the database and starting OpenFGA");
  const { value: running, stop } = await startDev({
    ...{ binary, directory, ephemeral, model, catalog, tuples, addresses, secrets, examples, log },
  }).catch((error: unknown) => {
    if (!(error instanceof ListenError)) throw error;
    const flags = Object.values(addressFlags);
    throw new Error(
      `${error.message}; choose another with ${flags.slice(0, -1).join(", ")} or ${flags.at(-1)}, such as --grpc 127.0.0.1:0`,
    );
  });
  const { ready, openfgaExited } = running;
  const stopped = takeSignals((signal) => log.warn({ signal }, "second signal: ending at once"));
  let ended: Exit | undefined;
  try {
    if (readyFile !== undefined) writeAtOnce(readyFile, `${JSON.stringify(ready)}\n`);
    await writeOut(tryOutLines(ready, ephemeral ? undefined : join(directory, "service-key")));
    ended = (await Promise.race([aborted(stopped), openfgaExited])) ?? undefined;
    tell("stopping");
  } finally {
    await stop();
    if (readyFile !== undefined) rmSync(readyFile, { force: true });
  }
  if (ended) throw new Error(`OpenFGA ${exitText(ended)}`);
}

function readAddresses(options: DevCommandOptions): DevAddresses {
  const read = (name: keyof DevAddresses): HostPort => loopback(addressFlags[name], options[name]);
  const addresses: DevAddresses = {
    http: read("http"),
    grpc: read("grpc"),
    publicHttp: read("publicHttp"),
    console: read("console"),
    issuer: read("issuer"),
    sample: read("sample"),
  };
  const names = Object.keys(addressFlags) as (keyof DevAddresses)[];
  for (const [index, name] of names.entries()) {
    const { port } = addresses[name];
    const other = names.slice(0, index).find((each) => port !== 0 && addresses[each].port === port);
    if (other) throw new Error(`${addressFlags[other]} and ${addressFlags[name]} must have different ports`);
  }
  return addresses;
}

/** Returns a private folder that no other process uses. Its path is absolute: OpenFGA runs in a folder below it. */
async function ownDirectory({ ephemeral, directory: kept }: DevCommandOptions): Promise<string> {
  const directory = ephemeral ? mkdtempSync(join(tmpdir(), "patwarden-")) : resolve(kept);
  makePrivateDirectory(directory);
  if (ephemeral) process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  else await lockFolder(directory);
  return directory;
}

function loopback(option: string, text: string): HostPort {
  const parsed = parseHostPort(text);
  if (!parsed.ok) throw new Error(`${option} ${parsed.problem}`);
  if (!isLoopback(parsed.value.host)) throw new Error(`${option} must be a loopback address: dev serves without TLS`);
  return parsed.value;
}

/** Reads the words for the model, if there are any. */
function readCatalog(file: string): Document | undefined {
  if (!existsSync(file)) return undefined;
  const { document, problems } = readDocument(file);
  if (!document) throw new Error(problems.map(({ key, problem }) => `${key} ${problem}`).join("; "));
  return document;
}

function readTuples(file: string): readonly Tuple[] {
  const read = parsed(readFileSync(file, "utf8"));
  const isTuple = (entry: unknown): entry is Tuple =>
    ["user", "relation", "object"].every((key) => typeof Object(entry)[key] === "string");
  if (!Array.isArray(read) || !read.every(isTuple)) {
    throw new Error(`${file} must be a JSON array of {user, relation, object, condition?}`);
  }
  return read;
}

/** Returns undefined for text that is not JSON. The parser's error would quote it, and it may be a secret. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Writes a file at once: a program that waits for the file never reads a part of it. */
function writeAtOnce(file: string, text: string): void {
  const unfinished = `${file}.${process.pid}`;
  try {
    writeFileSync(unfinished, text, { mode: 0o600 });
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
