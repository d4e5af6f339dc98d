import { OpenFGAService } from "#gen/openfga/v1/openfga_service_pb.js";
import { Loop } from "../async/loop.js";
import { Failure } from "../domain/errors.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import type { Refused } from "./channel.js";
import type { OpenFgaClient } from "./client.js";
import { describeFault, type Endpoint, type Step } from "./fault.js";
import { authorizationModel } from "./model.js";
import { type Outcome, readRefusal } from "./outcome.js";

const { getStore, readAuthorizationModel, check, batchCheck } = OpenFGAService.method;

/** unreachable: an outage, which passes. misconfigured: an operator must correct the store, model, key or endpoint. */
export type ConnectionState =
  | { readonly kind: "ready" }
  | { readonly kind: "unreachable"; readonly problem: string }
  | { readonly kind: "misconfigured"; readonly problem: string };

export interface OpenFgaConnectionOptions {
  readonly client: Pick<OpenFgaClient, "call">;
  readonly storeId: string;
  /** The id of the model that is pinned at first. */
  readonly modelId: string;
  /** How the client reaches OpenFGA. `maxBatch`: questions that OpenFGA must accept in one BatchCheck. */
  readonly endpoint: Endpoint;
  /** Called at each change of state. */
  readonly onChange?: (state: ConnectionState) => void;
}

/** Milliseconds between two health checks, however many calls fail in the meantime. */
const intervalMs = 1_000;

/**
 * Outcomes that start a health check. After `deadline`, only the caller may have been impatient: the health check waits
 * for the full time-out and so decides.
 */
const troubling: ReadonlySet<Outcome> = new Set(["unreachable", "engine-failure", "misconfigured", "deadline"]);

interface Finding {
  readonly state: ConnectionState;
  /** Present when the state is ready. */
  readonly model?: AuthorizationModel;
}

/**
 * The state of OpenFGA: whether it is reachable and has the configured store and model. The store and the pinned model
 * are read before the first question. When calls fail later, a health check runs every second until OpenFGA is ready
 * again, so that health does not depend on callers.
 */
export class OpenFgaConnection {
  readonly #options: OpenFgaConnectionOptions;
  #state: ConnectionState = { kind: "unreachable", problem: "OpenFGA has not been asked yet" };
  #modelId: string;
  #model: AuthorizationModel | undefined;
  readonly #loop = new Loop(
    () => this.#look(),
    () => (this.#state.kind === "ready" ? Number.POSITIVE_INFINITY : intervalMs),
    { spacingMs: intervalMs },
  );
  #closed = false;

  constructor(options: OpenFgaConnectionOptions) {
    this.#options = options;
    this.#modelId = options.modelId;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Returns the pinned model. Throws OPENFGA_UNAVAILABLE or OPENFGA_MISCONFIGURED until it has been read once. */
  model(): AuthorizationModel {
    if (this.#model) return this.#model;
    throw new Failure(this.#state.kind === "misconfigured" ? "OPENFGA_MISCONFIGURED" : "OPENFGA_UNAVAILABLE");
  }

  /** The id of the pinned model, read or not. */
  get modelId(): string {
    return this.#modelId;
  }

  /**
   * Changes to another model, once OpenFGA has returned it and has answered a question by it. Resolves to the state
   * that was found; unless that is `ready`, nothing changes.
   */
  async pin(modelId: string): Promise<ConnectionState> {
    const found = await this.#examine(modelId);
    if (found.state.kind === "ready" && !this.#closed) {
      this.#modelId = modelId;
      this.#take(found);
    }
    return found.state;
  }

  /** Checks OpenFGA now, and again until it is ready. Resolves after the first check, whatever its result. */
  start(): Promise<void> {
    return this.#loop.startNow();
  }

  /** Reports the outcome of calls: a troubling one starts a health check. */
  noticed(outcome: Outcome): void {
    if (troubling.has(outcome)) this.#loop.wake();
  }

  close(): void {
    this.#closed = true;
    void this.#loop.stop();
  }

  async #look(): Promise<void> {
    const modelId = this.#modelId;
    const found = await this.#examine(modelId);
    // Unless another model was pinned in the meantime, by a newer result.
    if (!this.#closed && modelId === this.#modelId) this.#take(found);
  }

  #take({ state, model }: Finding): void {
    if (model) this.#model = model;
    const changed = state.kind !== this.#state.kind || "problem" in state;
    this.#state = state;
    if (changed) this.#options.onChange?.(state);
  }

  async #examine(modelId: string): Promise<Finding> {
    const { client, storeId, endpoint } = this.#options;
    const trouble = (step: Step, reply: Refused): Finding => ({
      state: stateOf(reply, describeFault(step, reply, endpoint)),
    });
    const store = await client.call(getStore, { storeId });
    if (!store.ok) return trouble("store", store);
    const read = await client.call(readAuthorizationModel, { storeId, id: modelId });
    if (!read.ok) return trouble("model", read);
    if (!read.value.authorizationModel) {
      return { state: { kind: "misconfigured", problem: "OpenFGA answered without a model" } };
    }
    const model = authorizationModel(read.value.authorizationModel);
    const canary = canaryQuestion(model);
    if (canary) {
      // Proves the key, the model and the datastore together; the answer does not matter.
      const asked = await client.call(check, {
        storeId,
        authorizationModelId: modelId,
        tupleKey: canary,
        consistency: 200,
      });
      if (!asked.ok && readRefusal(asked).outcome !== "context-required") return trouble("question", asked);
      // Otherwise this fault would show under load only. OpenFGA evaluates the same question only once, however often
      // it is in a batch.
      const batch = await client.call(batchCheck, {
        storeId,
        authorizationModelId: modelId,
        checks: Array.from({ length: endpoint.maxBatch }, (_, index) => ({
          tupleKey: canary,
          correlationId: String(index),
        })),
      });
      if (!batch.ok) return trouble("batch", batch);
    }
    return { state: { kind: "ready" }, model };
  }
}

function canaryQuestion(
  model: AuthorizationModel,
): { readonly user: string; readonly relation: string; readonly object: string } | undefined {
  for (const type of model.types) {
    for (const relation of model.actionsOf(type)) {
      return { user: `${type}:patwarden-canary`, relation, object: `${type}:patwarden-canary` };
    }
  }
  return undefined;
}

function stateOf(reply: Refused, problem: string): ConnectionState {
  const { outcome } = readRefusal(reply);
  // 2000 and others are about an id that we sent: also a fault of the configuration.
  const unreachable =
    outcome === "unreachable" || outcome === "deadline" || outcome === "engine-failure" || outcome === "overloaded";
  return { kind: unreachable ? "unreachable" : "misconfigured", problem };
}
