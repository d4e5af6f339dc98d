import type { Config } from "../config/config.js";
import type { Clock } from "../domain/clock.js";
import { formatHostPort } from "../domain/host-port.js";
import type { PermissionChecker, ResourceLister } from "../domain/permission-checker.js";
import { BatchingPermissionChecker } from "../openfga/batching-permission-checker.js";
import { OpenFgaClient } from "../openfga/client.js";
import { createContextOf } from "../openfga/condition-context.js";
import { type ConnectionState, OpenFgaConnection } from "../openfga/connection.js";
import { createGrpcPermissionChecker } from "../openfga/grpc-permission-checker.js";
import { createGrpcResourceLister } from "../openfga/grpc-resource-lister.js";
import type { Outcome } from "../openfga/outcome.js";
import type { Metrics } from "../telemetry/metrics.js";

export interface OpenFgaOptions {
  readonly config: Config["openfga"];
  readonly metrics: Pick<Metrics, "openfgaCallEnded" | "answerKept" | "questionJoined">;
  readonly clock: Clock;
  /** Called at each change of state. */
  readonly onChange: (state: ConnectionState) => void;
  /** Called with the error of a defect in the engine. */
  readonly onDefect?: (error: unknown) => void;
}

export interface OpenFga {
  readonly connection: OpenFgaConnection;
  readonly permissions: PermissionChecker;
  readonly resources: ResourceLister;
  close(): void;
}

/** Builds everything that asks OpenFGA, with the model that is pinned at the time. */
export function createOpenFga({ config, metrics, clock, onChange, onDefect }: OpenFgaOptions): OpenFga {
  const { engine, tls, timeoutMs, maxBatch } = config;
  const apiKey = config.auth?.preshared;
  const addresses = config.addresses.map(formatHostPort);
  const client = new OpenFgaClient({ engine, addresses, tls, apiKey, timeoutMs, ...(onDefect && { onDefect }) });
  const pinned = { client, storeId: config.storeId, modelId: config.modelId };
  const hasRootsFile = Boolean(process.env["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]);
  const endpoint = { addresses, engine, tls, hasRootsFile, hasKey: apiKey !== undefined, timeoutMs, maxBatch };
  const connection = new OpenFgaConnection({ ...pinned, endpoint, onChange });
  const contextOf = createContextOf(config.context, clock);
  const onOutcome = (method: string, outcome: Outcome, questions: number): void => {
    metrics.openfgaCallEnded(method, outcome, questions);
    connection.noticed(outcome);
  };
  // One for each model: waiting questions and kept answers belong to the model that was pinned then.
  const checker = currentFor(
    () => connection.modelId,
    (modelId) =>
      new BatchingPermissionChecker({
        ...config,
        checker: createGrpcPermissionChecker({ ...pinned, modelId, onOutcome }),
        contextOf,
        onKept: metrics.answerKept,
        onJoined: metrics.questionJoined,
      }),
  );
  const lister = currentFor(
    () => connection.modelId,
    (modelId) => createGrpcResourceLister({ ...pinned, ...config, modelId, contextOf, onOutcome }),
  );
  return {
    connection,
    permissions: { check: (...asked) => checker().check(...asked) },
    resources: { list: (...asked) => lister().list(...asked) },
    close() {
      connection.close();
      client.close();
    },
  };
}

/** Returns a function that makes a value once for each key, and again after the key has changed. */
function currentFor<T>(key: () => string, make: (key: string) => T): () => T {
  let made: { readonly key: string; readonly value: T } | undefined;
  return () => {
    const now = key();
    if (made?.key !== now) made = { key: now, value: make(now) };
    return made.value;
  };
}
