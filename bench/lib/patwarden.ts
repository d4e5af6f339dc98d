import { setTimeout as sleep } from "node:timers/promises";
import { migrate, type Server, startServer } from "../../test/kit/server.js";
import type { OpenFga } from "./openfga.js";

/** Parts of a configuration, by top-level key. */
export type Settings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface PatwardenSettings {
  readonly databaseUrl: string;
  readonly openfga: Pick<OpenFga, "grpc" | "storeId" | "modelId">;
  /** Whether the database has no schema yet. */
  readonly fresh?: boolean;
  /** Merged into the configuration, one level deep; other settings have their defaults. */
  readonly settings?: Settings;
  /** Where the process writes a CPU profile when it ends. */
  readonly profileFolder?: string | undefined;
  /** Environment variables of the process besides those that the measurement needs. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The error when the build under test does not know a setting. */
export class UnknownSetting extends Error {}

/** Starts the built `patwarden serve`. Rejects with `UnknownSetting` when its configuration has no such key. */
export async function startPatwarden({
  databaseUrl,
  openfga,
  fresh = false,
  settings = {},
  profileFolder,
  env = {},
}: PatwardenSettings): Promise<Server> {
  const over = (key: string, values: object): Record<string, object> => ({ [key]: { ...values, ...settings[key] } });
  if (fresh) await migrate(databaseUrl);
  try {
    return await startServer({
      databaseUrl,
      openfga: { addresses: [openfga.grpc], apiKey: "", storeId: openfga.storeId, modelId: openfga.modelId },
      config: {
        ...settings,
        ...over("grpc", { listen: "127.0.0.1:0" }),
        ...over("database", { url: databaseUrl }),
        // On a busy machine a call may take longer than any caller would wait; its cost is the same.
        ...over("openfga", {
          addresses: [openfga.grpc],
          store_id: openfga.storeId,
          model_id: openfga.modelId,
          timeout: "10s",
        }),
      },
      env: {
        ...env,
        NODE_ENV: "production",
        NODE_OPTIONS: ["collect-garbage.mjs", ...(profileFolder === undefined ? [] : ["profile.mjs"])]
          .map((script) => `--import=${new URL(script, import.meta.url).href}`)
          .join(" "),
        ...(profileFolder !== undefined && { PROFILE_FOLDER: profileFolder }),
      },
    });
  } catch (error) {
    const faults = error instanceof Error ? error.message : "";
    const unknown = Object.entries(settings)
      .flatMap(([key, values]) => Object.keys(values).map((name) => ({ key, name: `${key}.${name}` })))
      .find(({ key, name }) => [key, name].some((path) => faults.includes(`  ${path}: is unknown`)));
    throw unknown ? new UnknownSetting(`this build does not know ${unknown.name}`, { cause: error }) : error;
  }
}

/** Reads `/metrics` once. Returns a function for the value of a name, summed over labels; undefined without one. */
export async function readMetrics(server: Server): Promise<(name: string) => number | undefined> {
  const text = await (await fetch(`http://${server.metrics}/metrics`)).text();
  return (name) => {
    const samples = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (samples.length === 0) return undefined;
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  };
}

/** Returns the heap and the other memory of the process after garbage collection, bytes. */
export async function heldBytes(server: Server): Promise<number> {
  server.child.kill("SIGUSR2");
  await sleep(100); // until the process has handled the signal
  const metric = await readMetrics(server);
  return (metric("nodejs_heap_size_used_bytes") ?? Number.NaN) + (metric("nodejs_external_memory_bytes") ?? Number.NaN);
}
