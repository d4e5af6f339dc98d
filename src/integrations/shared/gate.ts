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

/** Who a request that may pass acts as. Values are ASCII without control characters. */
export interface Identity {
  /** `user:alice` or `organization:acme`. */
  readonly subject: string;
  readonly tokenId: string;
  /** That the token is bound to, or is; empty: none. */
  readonly organization: string;
}

/** What a proxy is told of a request. Only `allow` and `preflight` let it pass. */
export type GateAnswer =
  | { readonly kind: "allow"; readonly identity: Identity }
  /** A browser's preflight, where these pass: nobody shows anything, and nobody is who it acts as. */
  | { readonly kind: "preflight" }
  /** Nobody showed anything. */
  | { readonly kind: "no-credential" }
  /** More than one credential, or one that can be read in two ways. */
  | { readonly kind: "ambiguous" }
  /** What was shown is no good, for whatever reason. */
  | { readonly kind: "invalid-token" }
  /** A good token that may not. */
  | { readonly kind: "not-permitted" }
  /** The request means nothing that could be asked about. */
  | { readonly kind: "no-mapping" }
  /** The proxy asks faster than it may: nothing was decided. */
  | { readonly kind: "limited" }
  /** No decision could be made: neither yes nor no. */
  | { readonly kind: "undecided"; readonly failure: Failure };

export interface GateRequest {
  /** Who asks. */
  readonly proxy: ServiceCaller;
  readonly credential: ShownCredential;
  /** Undefined when the request has none. */
  readonly mapping: Mapping | undefined;
  /** Whether it is a preflight that passes without a credential. */
  readonly preflight: boolean;
  /** The bearer's address as the proxy tells it; undefined when it is not known. */
  readonly address: Address | undefined;
}

export interface GateOptions {
  readonly authorizer: Pick<Authorizer, "check">;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  /** Limits each proxy. Absent: any number of requests. */
  readonly limiter: Pick<RateLimiter, "waitMs"> | undefined;
}

/** The one way from a proxied request to an answer, for every integration of proxies. It never rejects. */
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
      // The route table names what the model does not know: the operator must learn of that, and nobody may pass.
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
