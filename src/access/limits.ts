import type { DescMethod, DescMethodUnary, DescService, MessageShape } from "@bufbuild/protobuf";
import type { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import type { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import type { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevocationReason, type TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { Failure } from "../failure/failure.js";
import { actorOf, type Caller, type ManagingCaller } from "./caller.js";
import { hasPermission } from "./rules.js";

/** Kinds of dear calls: what makes secrets, what takes something away (every replica has to hear of it), what reads many rows. */
export const limitNames = ["creations", "revocations", "lists"] as const;
export type LimitName = (typeof limitNames)[number];

/** A token bucket: a rested caller may make `burst` calls at once, and every `intervalMs` one comes back. Who calls no faster is never refused. */
export interface Limit {
  /** Calls, 1 or more. */
  readonly burst: number;
  /** Milliseconds. */
  readonly intervalMs: number;
}

/**
 * Counts a call of somebody for whom all of a limit will have come back at `restedAt`. `waitMs` is 0 when it is admitted, else after how long the next one
 * is, in whole milliseconds, because nobody can wait for less; `restedAt` is what it is afterwards.
 */
export function spend(
  { burst, intervalMs }: Limit,
  restedAt: number,
  now: number,
): { readonly waitMs: number; readonly restedAt: number } {
  const rested = Math.max(restedAt, now);
  const waitMs = Math.max(Math.floor(rested - now - (burst - 1) * intervalMs), 0);
  return { waitMs, restedAt: waitMs === 0 ? rested + intervalMs : restedAt };
}

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
  readonly now: () => number;
  /** Told of every refused call. Must not wait and not throw. */
  readonly onExcess: (excess: Excess, method: string) => void;
  /** Callers that are remembered. Default 10,000, about 2 MB. */
  readonly maxCallers?: number;
}

/** What a caller has used up. */
interface Usage {
  /** For each limit the time at which all of it will have come back. */
  readonly restedAt: Record<LimitName, number>;
  toldAt: number;
}

const tellEveryMs = 60_000;

/**
 * Limits how fast users, and Patwarden tokens about themselves, make dear calls. Each is known by what it has proven to be, so that nobody can
 * use up what is another's. Services, and whoever may impersonate, are not limited. State is of one process: over N replicas a caller gets
 * up to N times as much.
 */
export class CallerLimits {
  readonly #options: CallerLimitsOptions;
  readonly #usages = new Map<string, Usage>();

  constructor(options: CallerLimitsOptions) {
    this.#options = options;
  }

  /** Callers that are remembered now. */
  get size(): number {
    return this.#usages.size;
  }

  /** Counts a call that is about to be made. Throws OVERLOADED, with the time after which the next one is admitted; such a call costs nothing. */
  require(caller: ManagingCaller, rule: LimitName | "none", method: string): void {
    const limit = rule === "none" ? undefined : this.#options.limits[rule];
    if (rule === "none" || !limit || !isLimited(caller)) return;
    const now = this.#options.now();
    const usage = this.#usageOf(actorOf(caller), now);
    const { waitMs, restedAt } = spend(limit, usage.restedAt[rule], now);
    usage.restedAt[rule] = restedAt;
    if (waitMs === 0) return;
    const first = now >= usage.toldAt + tellEveryMs;
    if (first) usage.toldAt = now;
    this.#options.onExcess({ limit: rule, caller, first }, method);
    throw new Failure("OVERLOADED", { metadata: { limit: rule }, retryDelayMs: waitMs });
  }

  #usageOf(key: string, now: number): Usage {
    const known = this.#usages.get(key);
    if (known) return known;
    if (this.#usages.size >= (this.#options.maxCallers ?? 10_000)) this.#forget(now);
    const usage = {
      restedAt: { creations: now, revocations: now, lists: now },
      toldAt: Number.NEGATIVE_INFINITY,
    };
    this.#usages.set(key, usage);
    return usage;
  }

  /** Makes room by a tenth. Forgetting the rested changes nothing; after them it is those who would be rested soonest, who gain least by it. */
  #forget(now: number): void {
    const byRest = [...this.#usages]
      .map(([key, { restedAt }]) => ({ key, restedAt: Math.max(...Object.values(restedAt)) }))
      .sort((a, b) => a.restedAt - b.restedAt);
    for (const [index, { key, restedAt }] of byRest.entries())
      if (restedAt <= now || index <= byRest.length / 10) this.#usages.delete(key);
  }
}

function isLimited(caller: Caller): boolean {
  return caller.kind !== "service" && !hasPermission(caller, "tokens.impersonate");
}
