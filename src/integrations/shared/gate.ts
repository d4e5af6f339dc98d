import type { ServiceCaller } from "../../callers/caller.js";
import type { Authorizer } from "../../check/decision.js";
import { parseQuestion } from "../../check/question.js";
import type { CallOptions } from "../../domain/call-options.js";
import { Failure } from "../../domain/errors.js";
import type { Address } from "../../domain/network.js";
import type { AuthorizationModel } from "../../domain/permission-checker.js";
import type { RateLimiter } from "../../domain/rate-limiter.js";
import { tokenIsValid } from "../../domain/reason.js";
import { organizationOf } from "../../domain/token.js";
import type { ShownCredential } from "./credential.js";
import type { Mapping } from "./route-table.js";

/** The identity of a request that may pass. Values are ASCII without control characters. */
export interface Identity {
  /** `user:alice` or `organization:acme`. */
  readonly subject: string;
  readonly tokenId: string;
  /** The organization that the token is bound to or acts as; empty when there is none. */
  readonly organization: string;
}

/** The answer to a proxy about a request. Only with `allow` and `preflight` the request may pass. */
export type GateAnswer =
  | { readonly kind: "allow"; readonly identity: Identity }
  /** A browser's preflight, where preflights may pass. It has no credential and no identity. */
  | { readonly kind: "preflight" }
  /** The request has no credential. */
  | { readonly kind: "no-credential" }
  /** More than one credential, or one that can be read in two ways. */
  | { readonly kind: "ambiguous" }
  /** The token is not valid, for whatever reason. */
  | { readonly kind: "invalid-token" }
  /** The token is valid but not allowed to do this. */
  | { readonly kind: "not-permitted" }
  /** The request maps to no resource and action. */
  | { readonly kind: "no-mapping" }
  /** The proxy exceeds its rate limit: nothing was decided. */
  | { readonly kind: "limited" }
  /** No decision could be made: neither yes nor no. */
  | { readonly kind: "undecided"; readonly failure: Failure };

export interface GateRequest {
  /** The proxy that asks. */
  readonly proxy: ServiceCaller;
  readonly credential: ShownCredential;
  /** The resource and action of the request; undefined when it maps to none. */
  readonly mapping: Mapping | undefined;
  /** Whether it is a preflight that passes without a credential. */
  readonly preflight: boolean;
  /** The bearer's address as the proxy reports it; undefined when it is unknown. */
  readonly address: Address | undefined;
}

export interface GateOptions {
  readonly authorizer: Pick<Authorizer, "check">;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  /** Limits each proxy. Absent: any number of requests. */
  readonly limiter: Pick<RateLimiter, "waitMs"> | undefined;
}

/** Answers proxied requests, for every integration of proxies. `ask` never rejects. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  async ask(
    { proxy, credential, mapping, preflight, address }: GateRequest,
    options: CallOptions,
  ): Promise<GateAnswer> {
    const { limiter } = this.#options;
    if (limiter && limiter.waitMs(proxy.name) > 0) return { kind: "limited" };
    if (credential.kind === "none") return { kind: preflight ? "preflight" : "no-credential" };
    if (credential.kind === "ambiguous") return { kind: "ambiguous" };
    if (!mapping) return { kind: "no-mapping" };
    try {
      const { resource, action } = mapping;
      const clientIp = address?.toString() ?? "";
      const raw = { token: credential.text, resource, action, clientIp, consistency: "minimize-latency" } as const;
      const question = parseQuestion({ ...raw, usageUnits: undefined, usageId: "" }, this.#options.model());
      // The route table names a type or action that the model does not have. The operator must see this problem, and
      // the request must not pass.
      if (question instanceof Failure) return { kind: "undecided", failure: question };
      const verdict = await this.#options.authorizer.check(question, options);
      if (verdict instanceof Failure) return { kind: "undecided", failure: verdict };
      const { reason, token } = verdict;
      if (reason !== "ALLOWED") return { kind: tokenIsValid(reason) ? "not-permitted" : "invalid-token" };
      if (!token) return { kind: "undecided", failure: new Failure("INTERNAL") };
      const identity = { subject: token.subject, tokenId: token.id, organization: organizationOf(token) ?? "" };
      return { kind: "allow", identity };
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure("INTERNAL", { cause: error });
      return { kind: "undecided", failure };
    }
  }
}
