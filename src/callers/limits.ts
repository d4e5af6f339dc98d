import type { DescMethod, DescMethodUnary, DescService, MessageShape } from "@bufbuild/protobuf";
import type { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import type { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import type { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevocationReason, type TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { Failure } from "../domain/errors.js";
import { type Limit, RateLimiter } from "../domain/rate-limiter.js";
import { actorOf, type Caller, type ManagingCaller } from "./caller.js";
import { hasPermission } from "./rules.js";

/** Kinds of dear calls: what makes secrets, what takes something away (every replica has to hear of it), what reads many rows. */
export const limitNames = ["creations", "revocations", "lists"] as const;
export type LimitName = (typeof limitNames)[number];

/** Of one caller at one replica. A limit that is absent is off. */
export type Limits = Readonly<Partial<Record<LimitName, Limit>>>;

/** Which limit a call of a method moves. */
export type LimitRule<M extends DescMethod = DescMethod> =
  | LimitName
  | "none"
  | ((request: M extends DescMethodUnary<infer I> ? MessageShape<I> : never) => LimitName | "none");

/** One row for each method of a service. */
export type LimitRules<S extends DescService> = {
  readonly [Method in keyof S["method"]]: LimitRule<S["method"][Method]>;
};

/** Whoever has found a leaked secret must never have to wait. */
const unlessLeaked = ({ reason }: { readonly reason: RevocationReason }): LimitName | "none" =>
  reason === RevocationReason.LEAKED ? "none" : "revocations";

/** What calls of the management plane count as; those of the data plane move no limit. A method without a row does not compile. */
export const limitRules = {
  tokens: {
    createToken: "creations",
    getToken: "none",
    listTokens: "lists",
    // It may narrow, and nobody knows before the row is locked.
    updateToken: "revocations",
    rotateToken: "creations",
    revokeToken: unlessLeaked,
    revokeSecret: "revocations",
    revokeTokens: unlessLeaked,
    suspendToken: "revocations",
    resumeToken: "none",
    approveToken: "none",
    denyToken: "revocations",
  },
  subjects: { getSubject: "none", disableSubject: "revocations", enableSubject: "none", deleteSubject: "revocations" },
  policies: { getPolicy: "none", updatePolicy: "revocations", deletePolicy: "none" },
  usage: { queryUsage: "lists" },
  audit: { listAuditEvents: "lists" },
} as const satisfies {
  readonly tokens: LimitRules<typeof TokenService>;
  readonly subjects: LimitRules<typeof SubjectService>;
  readonly policies: LimitRules<typeof PolicyService>;
  readonly usage: LimitRules<typeof UsageService>;
  readonly audit: LimitRules<typeof AuditService>;
};

/** A call that was refused for its limit. */
export interface Excess {
  readonly limit: LimitName;
  readonly caller: ManagingCaller;
  /** Whether it is this caller's first in a minute: what is written down of it, so that refused calls cannot fill a log. */
  readonly first: boolean;
}

export interface CallerLimitsOptions {
  readonly limits: Limits;
  /** Monotonic, milliseconds. */
  readonly monotonicMs: () => number;
  /** Told of every refused call. Must not wait and not throw. */
  readonly onExcess: (excess: Excess, method: string) => void;
  /** Callers that are remembered for each limit. Default 10,000. */
  readonly maxCallers?: number;
}

/** How often it is written down that one caller calls too fast. */
const telling: Limit = { burst: 1, intervalMs: 60_000 };

/**
 * Limits how fast users, and Patwarden tokens about themselves, make dear calls. Each is known by what it has proven to be, so that nobody can
 * use up what is another's. Services, and whoever may impersonate, are not limited.
 */
export class CallerLimits {
  readonly #limiters: Readonly<Partial<Record<LimitName, RateLimiter>>>;
  readonly #told: RateLimiter;
  readonly #onExcess: CallerLimitsOptions["onExcess"];

  constructor({ limits, monotonicMs, onExcess, maxCallers }: CallerLimitsOptions) {
    const limiter = (limit: Limit): RateLimiter =>
      new RateLimiter({ limit, monotonicMs, ...(maxCallers !== undefined && { maxKeys: maxCallers }) });
    this.#limiters = Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, limiter(limit)]));
    this.#told = limiter(telling);
    this.#onExcess = onExcess;
  }

  /** Counts a call that is about to be made. Throws OVERLOADED, with the time after which the next one is admitted; such a call costs nothing. */
  require(caller: ManagingCaller, rule: LimitName | "none", method: string): void {
    const limiter = rule === "none" ? undefined : this.#limiters[rule];
    if (rule === "none" || !limiter || !isLimited(caller)) return;
    const actor = actorOf(caller);
    const waitMs = limiter.waitMs(actor);
    if (waitMs === 0) return;
    this.#onExcess({ limit: rule, caller, first: this.#told.waitMs(actor) === 0 }, method);
    throw new Failure("OVERLOADED", { metadata: { limit: rule }, retryDelayMs: waitMs });
  }
}

function isLimited(caller: Caller): boolean {
  return caller.kind !== "service" && !hasPermission(caller, "tokens.impersonate");
}
