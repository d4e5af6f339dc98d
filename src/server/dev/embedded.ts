import { join } from "node:path";
import { type Database, openPglite } from "../../database/database.js";
import { createOpenFgaAdmin, type Tuple } from "../../openfga/admin/admin.js";
import { type EmbeddedOpenFga, startOpenFga } from "../../openfga/admin/child-process.js";
import { makePrivateDirectory } from "./state-directory.js";

export interface EmbeddedOptions {
  /** OpenFGA's executable. */
  readonly binary: string;
  /** Absolute path of a private folder that no other process uses. OpenFGA runs in a folder inside it. */
  readonly directory: string;
  /** Whether nothing is kept: database and OpenFGA are in memory. */
  readonly ephemeral: boolean;
  readonly model: { readonly file: string; readonly text: string };
  readonly tuples: readonly Tuple[];
  /** Called with each warning and error of OpenFGA's log. */
  readonly onOpenFgaProblem: (problem: string) => void;
}

/** A migrated database and an OpenFGA with a store and a model, both of this process. */
export interface Embedded {
  readonly database: Database;
  readonly openfga: EmbeddedOpenFga;
  readonly storeId: string;
  readonly modelId: string;
  /** Stops both; the folder is not deleted. */
  stop(): Promise<void>;
}

const storeName = "patwarden-dev";

/** Opens the database, starts OpenFGA and writes model and tuples. When one of these fails, stops the others. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { binary, directory, ephemeral, model, tuples, onOpenFgaProblem } = options;
  const openfgaDirectory = join(directory, "openfga");
  makePrivateDirectory(openfgaDirectory);
  // Waits for both before it throws the failure of one: whatever has started must be stopped.
  const [started, opened] = await Promise.allSettled([
    startOpenFga({
      binary,
      directory: openfgaDirectory,
      engine: ephemeral ? "memory" : "sqlite",
      onProblem: onOpenFgaProblem,
    }),
    openPglite(ephemeral ? undefined : directory),
  ]);
  const stop = async (): Promise<void> => {
    if (started.status === "fulfilled") await started.value.stop();
    if (opened.status === "fulfilled") await opened.value.close();
  };
  try {
    const openfga = settled(started);
    const database = settled(opened);
    await database.migrate();
    const admin = createOpenFgaAdmin(openfga);
    const storeId = (await admin.findStore(storeName)) ?? (await admin.createStore(storeName));
    const modelId = await admin.writeModel(storeId, model.text, model.file);
    await admin.writeTuples(storeId, tuples);
    return { database, openfga, storeId, modelId, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function settled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}
