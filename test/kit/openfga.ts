import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenFgaAdmin, type OpenFgaAdmin, type Tuple } from "../../src/openfga/admin/admin.js";
import { findOpenFga } from "../../src/openfga/admin/binary.js";
import { type EmbeddedOpenFga, startOpenFga } from "../../src/openfga/admin/child-process.js";
import type { Identity } from "./authority.js";

/** A real OpenFGA in memory, with a store, a model and tuples. */
export interface TestOpenFga extends EmbeddedOpenFga {
  readonly storeId: string;
  readonly modelId: string;
  readonly admin: OpenFgaAdmin;
  /** Also removes its folder. */
  stop(): ReturnType<EmbeddedOpenFga["stop"]>;
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

/** Rejects when the machine has no OpenFGA: `make openfga` gets one. With an `identity` its gRPC port speaks TLS. */
export async function startTestOpenFga(
  model: string = smallModel,
  tuples: readonly Tuple[] = [],
  identity?: Pick<Identity, "certFile" | "keyFile">,
): Promise<TestOpenFga> {
  const found = findOpenFga();
  if (found === undefined) throw new Error("no OpenFGA on the PATH or in .tools/bin; run `make openfga`");
  const directory = mkdtempSync(join(tmpdir(), "patwarden-openfga-"));
  const binary = identity ? withTls(found, directory, identity) : found;
  const openfga = await startOpenFga({ binary, directory, engine: "memory" });
  const stop = async () => {
    const exit = await openfga.stop();
    rmSync(directory, { recursive: true, force: true });
    return exit;
  };
  try {
    const admin = createOpenFgaAdmin(openfga);
    const storeId = await admin.createStore("test");
    const modelId = await admin.writeModel(storeId, model);
    await admin.writeTuples(storeId, tuples);
    return { ...openfga, storeId, modelId, admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The embedded OpenFGA, which `startOpenFga` is for, needs no TLS: a program of the same kind that adds the flags. */
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
