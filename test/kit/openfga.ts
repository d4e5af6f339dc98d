import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenFgaAdmin, type OpenFgaAdmin, type Tuple } from "../../src/openfga/admin/admin.js";
import { findOpenFga } from "../../src/openfga/admin/binary.js";
import { startOpenFga } from "../../src/openfga/admin/child-process.js";
import type { Identity } from "./authority.js";
import { type SharedOpenFga, sharedOpenFga } from "./shared.js";

/** A store with a model and tuples in a real OpenFGA. */
export interface TestOpenFga extends SharedOpenFga {
  readonly storeId: string;
  readonly modelId: string;
  readonly admin: OpenFgaAdmin;
  stop(): Promise<void>;
}

/** The smallest model that Patwarden can work with. */
export const smallModel = `model
  schema 1.1
type user
type organization
  relations
    define member: [user]
type document
  relations
    define viewer: [user, organization, organization#member]
`;

/** Makes a store for one test in the OpenFGA of this run. Tests that stop or stall OpenFGA use `startTestOpenFga`. */
export async function openTestStore(model: string = smallModel, tuples: readonly Tuple[] = []): Promise<TestOpenFga> {
  const shared = await sharedOpenFga();
  const store = await createStore(shared, model, tuples);
  return { ...shared, ...store, stop: () => store.admin.deleteStore(store.storeId) };
}

/** Starts an OpenFGA process for one test, with a store. With an `identity` its gRPC port uses TLS. */
export async function startTestOpenFga(
  model: string = smallModel,
  tuples: readonly Tuple[] = [],
  identity?: Pick<Identity, "certFile" | "keyFile">,
): Promise<TestOpenFga> {
  const openfga = await startOpenFgaProcess(identity);
  try {
    return { ...openfga, ...(await createStore(openfga, model, tuples)) };
  } catch (error) {
    await openfga.stop();
    throw error;
  }
}

/** Starts OpenFGA in memory. Rejects when the machine has no OpenFGA: run `make openfga`. */
export async function startOpenFgaProcess(
  identity?: Pick<Identity, "certFile" | "keyFile">,
): Promise<SharedOpenFga & { stop(): Promise<void> }> {
  const found = findOpenFga();
  if (found === undefined) throw new Error("no OpenFGA on the PATH or in .tools/bin; run `make openfga`");
  const directory = mkdtempSync(join(tmpdir(), "patwarden-openfga-"));
  const binary = identity ? withTls(found, directory, identity) : found;
  const { grpc, http, apiKey, stop } = await startOpenFga({ binary, directory, engine: "memory" });
  return {
    ...{ grpc, http, apiKey },
    async stop() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function createStore(
  openfga: SharedOpenFga,
  model: string,
  tuples: readonly Tuple[],
): Promise<Pick<TestOpenFga, "storeId" | "modelId" | "admin">> {
  const admin = createOpenFgaAdmin(openfga);
  const storeId = await admin.createStore(`test-${randomUUID()}`);
  const modelId = await admin.writeModel(storeId, model);
  await admin.writeTuples(storeId, tuples);
  return { storeId, modelId, admin };
}

/** Returns a program that starts OpenFGA with TLS. `startOpenFga` is for the embedded OpenFGA, which needs no TLS. */
function withTls(
  binary: string,
  directory: string,
  { certFile, keyFile }: Pick<Identity, "certFile" | "keyFile">,
): string {
  const program = join(directory, "openfga-tls");
  const flags = `--grpc-tls-enabled --grpc-tls-cert '${certFile}' --grpc-tls-key '${keyFile}'`;
  writeFileSync(program, `#!/bin/sh\nexec '${binary}' "$@" ${flags}\n`, { mode: 0o700 });
  return program;
}
