import { Failure } from "../domain/errors.js";
import { type Limit, RateLimiter } from "../domain/rate-limiter.js";
import { hasPermission } from "./authorize.js";
import { actorOf, type Caller, type ManagingCaller } from "./caller.js";
import type { MethodLimit } from "./methods.js";

/**
 * Kinds of expensive calls: calls that create secrets, calls that revoke (every replica has to apply it), and calls
 * that read many rows.
 */
export const limitNames = ["creations", "revocations", "lists"] as const;
export type LimitName = (typeof limitNames)[number];

/** The rates at which one caller may call one replica. A limit that is absent is off. */
export type Limits = Readonly<Partial<Record<LimitName, Limit>>>;

/** A call that was refused because of a limit. */
export interface Excess {
  readonly limit: LimitName;
  readonly caller: ManagingCaller;
  /** Whether this is the caller's first in a minute. Only the first is logged: refused calls cannot fill the log. */
  readonly first: boolean;
}

export interface CallerLimitsOptions {
  readonly limits: Limits;
  /** Returns the time of a clock that never jumps, milliseconds. */
  readonly monotonicMs: () => number;
  /** Called when a call is refused. Must not wait and not throw. */
  readonly onExcess: (excess: Excess, method: string) => void;
  /** The most callers that are remembered for each limit. Default 10,000. */
  readonly maxCallers?: number;
}

/** How often refused calls of one caller are logged. */
const logging: Limit = { burst: 1, intervalMs: 60_000 };

/**
 * Limits how fast users and Patwarden tokens make expensive calls. Callers are counted by their proven identity, so
 * that nobody can use up another caller's limit. Services, and callers that may impersonate, are not limited.
 */
export class CallerLimits {
  readonly #limiters: Readonly<Partial<Record<LimitName, RateLimiter>>>;
  readonly #logged: RateLimiter;
  readonly #onExcess: CallerLimitsOptions["onExcess"];

  constructor({ limits, monotonicMs, onExcess, maxCallers }: CallerLimitsOptions) {
    const limiter = (limit: Limit): RateLimiter =>
      new RateLimiter({ limit, monotonicMs, ...(maxCallers !== undefined && { maxKeys: maxCallers }) });
    this.#limiters = Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, limiter(limit)]));
    this.#logged = limiter(logging);
    this.#onExcess = onExcess;
  }

  /** Counts a call, or throws OVERLOADED with the time to wait. A refused call does not count. */
  require(caller: ManagingCaller, limit: MethodLimit, method: string): void {
    const limiter = limit === "none" ? undefined : this.#limiters[limit];
    if (limit === "none" || !limiter || !isLimited(caller)) return;
    const actor = actorOf(caller);
    const waitMs = limiter.waitMs(actor);
    if (waitMs === 0) return;
    this.#onExcess({ limit, caller, first: this.#logged.waitMs(actor) === 0 }, method);
    throw new Failure("OVERLOADED", { metadata: { limit }, retryDelayMs: waitMs });
  }
}

function isLimited(caller: Caller): boolean {
  return caller.kind !== "service" && !hasPermission(caller, "tokens.impersonate");
}
