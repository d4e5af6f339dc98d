import { EventEmitter, once } from "node:events";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "#gen/grpc/health/v1/health_pb.js";
import { Failure } from "../domain/errors.js";
import { Places } from "./places.js";
import { type CallContext, type Implementation, implement } from "./service.js";
import { shuttingDown } from "./status.js";

/**
 * The most watches at a time: anybody may open one, and each holds about 20 KiB. All clients behind a balancer may
 * share one address.
 */
export const watchLimits = { total: 1_000, ofAddress: 500 } as const;

/**
 * `grpc.health.v1.Health`. The service `""` is the whole process. Every status is NOT_SERVING until set.
 * serving → draining → closed, one way.
 */
export class HealthService {
  readonly implementation: Implementation = implement(Health, {
    check: async ({ service }) => {
      const status = this.#statusOf(service);
      if (status === ServingStatus.SERVICE_UNKNOWN) throw new Failure("NOT_FOUND");
      return { status };
    },
    list: async () => ({
      statuses: Object.fromEntries([...this.#serving.keys()].map((name) => [name, { status: this.#statusOf(name) }])),
    }),
    watch: ({ service }, call) => this.#watch(service, call),
  });

  readonly #serving: Map<string, boolean>;
  /** One listener for each watching call, without limit. */
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #places = new Places(watchLimits);
  #state: "serving" | "draining" | "closed" = "serving";

  /** `services`: full names, in addition to `""`. */
  constructor(services: readonly string[]) {
    this.#serving = new Map(["", ...services].map((name) => [name, false]));
  }

  /** The number of calls that watch now. */
  get watching(): number {
    return this.#places.taken;
  }

  /** Sets a status and notifies watchers at once. While the process drains, nothing changes for watchers. */
  set(service: string, serving: boolean): void {
    this.#serving.set(service, serving);
    this.#changes.emit("change");
  }

  /** Makes everything NOT_SERVING from now on. */
  drain(): void {
    this.#state = "draining";
    this.#changes.emit("change");
  }

  /** Ends all watches with UNAVAILABLE; otherwise they would delay the closing of the ports. */
  close(): void {
    this.#state = "closed";
    this.#changes.emit("change");
  }

  #statusOf(service: string): ServingStatus {
    const serving = this.#serving.get(service);
    if (serving === undefined) return ServingStatus.SERVICE_UNKNOWN;
    return serving && this.#state === "serving" ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  async *#watch(service: string, { signal, address }: CallContext): AsyncGenerator<{ readonly status: ServingStatus }> {
    const leave = this.#places.take(address);
    if (!leave) throw new Failure("OVERLOADED");
    let sent: ServingStatus | undefined;
    try {
      while (this.#state !== "closed") {
        const status = this.#statusOf(service);
        if (status === sent) {
          await once(this.#changes, "change", { signal });
        } else {
          sent = status;
          yield { status };
        }
      }
    } finally {
      leave();
    }
    throw shuttingDown();
  }
}
