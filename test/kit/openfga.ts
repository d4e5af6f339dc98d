import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOpenFgaAdmin, type OpenFgaAdmin, type Tuple } from "../../src/openfga/admin.js";
import { findOpenFga } from "../../src/openfga/binary.js";
import { type EmbeddedOpenFga, startOpenFga } from "../../src/openfga/child-process.js";

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

/** Rejects when the machine has no OpenFGA: `make openfga` gets one. */
export async function startTestOpenFga(
  model: string = smallModel,
  tuples: readonly Tuple[] = [],
): Promise<TestOpenFga> {
  const binary = findOpenFga();
  if (binary === undefined) throw new Error("no OpenFGA on the PATH or in .tools/bin; run `make openfga`");
  const directory = mkdtempSync(join(tmpdir(), "patwarden-openfga-"));
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
