import {
  CredentialsMethod,
  FgaApiError,
  OpenFgaClient,
  type TupleKey,
  WriteRequestWritesOnDuplicate,
} from "@openfga/sdk";
import { parseModelFile } from "./model-file.js";

/** One relationship, as in a tuples file. */
export interface Tuple {
  readonly user: string;
  readonly relation: string;
  readonly object: string;
  readonly condition?: { readonly name: string; readonly context?: object };
}

/** Sets OpenFGA up over HTTP, for the embedded server and for tests. Methods reject on every failure. */
export interface OpenFgaAdmin {
  /** Creates a store and returns its id. Names need not be unique. */
  createStore(name: string): Promise<string>;
  /** Returns the id of a store of exactly this name. */
  findStore(name: string): Promise<string | undefined>;
  deleteStore(storeId: string): Promise<void>;
  /** Writes a model and returns its id. Reports faults of the text by `file` and line. */
  writeModel(storeId: string, dsl: string, file?: string): Promise<string>;
  /** Writes tuples. Afterwards the store holds each of them with exactly this condition, whatever it held before. */
  writeTuples(storeId: string, tuples: readonly Tuple[]): Promise<void>;
  deleteTuples(storeId: string, tuples: readonly Tuple[]): Promise<void>;
}

export interface AdminOptions {
  /** `http://127.0.0.1:8080`. */
  readonly http: string;
  readonly apiKey: string;
}

/** The most tuples that OpenFGA accepts in one Write by default. */
const tuplesPerWrite = 100;

export function createOpenFgaAdmin({ http, apiKey }: AdminOptions): OpenFgaAdmin {
  const sdk = new OpenFgaClient({
    apiUrl: http,
    credentials: { method: CredentialsMethod.ApiToken, config: { token: apiKey } },
    // A proxy of the environment cannot reach our loopback.
    baseOptions: { proxy: false },
  });
  const write = (storeId: string, tuples: readonly Tuple[]) =>
    sdk.writeTuples(tuples.map(toTupleKey), {
      storeId,
      conflict: { onDuplicateWrites: WriteRequestWritesOnDuplicate.Ignore },
    });
  const remove = (storeId: string, tuple: Tuple) => {
    const { user, relation, object } = tuple;
    return sdk.deleteTuples([{ user, relation, object }], { storeId });
  };

  return {
    async createStore(name) {
      return (await sdk.createStore({ name })).id;
    },
    async findStore(name) {
      const { stores } = await sdk.listStores({ name });
      return stores[0]?.id;
    },
    async deleteStore(storeId) {
      await sdk.deleteStore({ storeId });
    },
    async writeModel(storeId, dsl, file = "model.fga") {
      const model = parseModelFile(dsl, file);
      return (await sdk.writeAuthorizationModel(model, { storeId })).authorization_model_id;
    },
    async writeTuples(storeId, tuples) {
      // OpenFGA refuses a Write that has the same tuple twice (2004).
      const unique = [
        ...new Map(tuples.map((tuple) => [`${tuple.object}#${tuple.relation}@${tuple.user}`, tuple])).values(),
      ];
      for (let start = 0; start < unique.length; start += tuplesPerWrite) {
        const chunk = unique.slice(start, start + tuplesPerWrite);
        try {
          await write(storeId, chunk);
        } catch (error) {
          if (!isConflict(error)) throw error;
          for (const tuple of chunk) {
            await write(storeId, [tuple]).catch(async (reason: unknown) => {
              if (!isConflict(reason)) throw reason;
              await remove(storeId, tuple);
              await write(storeId, [tuple]);
            });
          }
        }
      }
    },
    async deleteTuples(storeId, tuples) {
      for (const tuple of tuples) await remove(storeId, tuple);
    },
  };
}

function toTupleKey({ user, relation, object, condition }: Tuple): TupleKey {
  return { user, relation, object, ...(condition && { condition: { ...condition } }) };
}

/** Returns whether the tuple exists with another condition (409, gRPC 10), or at all before `ignore` existed (2017). */
function isConflict(error: unknown): boolean {
  return (
    error instanceof FgaApiError &&
    (error.statusCode === 409 || error.responseData?.code === "write_failed_due_to_invalid_input")
  );
}
