import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, Channel, patienceOf } from "./channel.js";
import { Coalescer } from "./coalescer.js";
import { type Decision, decisionOf, malformed, type Reason, reasonOf } from "./decision.js";
import { PatwardenError } from "./errors.js";
import { type AuditEvent, AuditService, type ListAuditEventsRequestSchema } from "./gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "./gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "./gen/patwarden/v1/policy_pb.js";
import { SelfService } from "./gen/patwarden/v1/self_pb.js";
import { SubjectService } from "./gen/patwarden/v1/subject_pb.js";
import { type ListTokensRequestSchema, type Token, TokenService } from "./gen/patwarden/v1/token_pb.js";
import { type QueryUsageRequestSchema, type UsageRow, UsageService } from "./gen/patwarden/v1/usage_pb.js";
import type { ClientOptions } from "./options.js";
import {
  type CheckItem,
  type CheckOptions,
  type Consistency,
  consistencyOf,
  contextOf,
  questionOf,
  type RequestContext,
} from "./question.js";
import { type ResourceList, resourceListOf } from "./resource-list.js";
import { defaultBrand, parseSecret, requireBrand, type Secret, textOf } from "./secret.js";
import {
  createServiceClient,
  decisionTimeoutMs,
  type ServiceCallOptions,
  type ServiceClient,
} from "./service-client.js";

/** The result of one item of a batch: a decision or an error. */
export type BatchCheckResult =
  | { readonly decision: Decision; readonly error?: never }
  | { readonly error: PatwardenError; readonly decision?: never };

/** Options of `listResources`. */
export interface ListResourcesOptions extends CallOptions {
  /** The usage fields have no effect: a list is not billed. */
  readonly context?: RequestContext | undefined;
  /** Default: `MINIMIZE_LATENCY`. */
  readonly consistency?: Consistency | undefined;
}

/** Options of `introspect`. */
export interface IntrospectOptions extends CallOptions {
  readonly context?: Pick<RequestContext, "clientIp"> | undefined;
}

/** The state of a token. */
export interface Introspection {
  /** True if the token can be used now. */
  readonly active: boolean;
  /** `ALLOWED` if it is active, otherwise why not. */
  readonly reason: Reason;
  /** The token without its metadata, if it is active. */
  readonly token: Token | undefined;
}

/**
 * A client of one Patwarden deployment. Make one for the life of the process: it connects with its first call and
 * reconnects by itself.
 *
 * ```ts
 * const patwarden = new PatwardenClient({ endpoint: "127.0.0.1:9081", key, plaintext: true });
 * const decision = await patwarden.check(token, "document:roadmap", "viewer");
 * if (decision.allowed) console.log(decision.subject);
 * ```
 */
export class PatwardenClient {
  /** The brand of the deployment's tokens. */
  readonly brand: string;
  /** Check, BatchCheck, ListResources and Introspect as declared in the proto files. */
  readonly authorization: ServiceClient<typeof AuthorizationService>;
  /**
   * Creates, changes and revokes tokens. `createToken` and `rotateToken` get a `request_id` if they have none, so
   * that they can be retried.
   */
  readonly tokens: ServiceClient<typeof TokenService>;
  /** Disables and deletes the users and organizations that tokens act as. */
  readonly subjects: ServiceClient<typeof SubjectService>;
  /** Limits what tokens may be. */
  readonly policies: ServiceClient<typeof PolicyService>;
  /** Lists who did what, when and from where. */
  readonly audit: ServiceClient<typeof AuditService>;
  /** Sums up how much tokens are used. */
  readonly usage: ServiceClient<typeof UsageService>;
  /** Tells a caller about itself: its rights and limits, what it or one of its tokens reaches, and why. */
  readonly selfService: ServiceClient<typeof SelfService>;
  readonly #channel: Channel;
  readonly #coalescer: Coalescer;
  readonly #coalesce: boolean;

  /**
   * Throws TypeError for invalid options, and for those that would send the key over a network in plaintext. Does no
   * I/O.
   */
  constructor(options: ClientOptions) {
    this.brand = requireBrand(options.brand ?? defaultBrand);
    this.#coalesce = options.coalesce ?? true;
    this.#channel = new Channel(options);
    this.#coalescer = new Coalescer(this.#channel);
    this.authorization = createServiceClient(this.#channel, AuthorizationService);
    this.tokens = createServiceClient(this.#channel, TokenService);
    this.subjects = createServiceClient(this.#channel, SubjectService);
    this.policies = createServiceClient(this.#channel, PolicyService);
    this.audit = createServiceClient(this.#channel, AuditService);
    this.usage = createServiceClient(this.#channel, UsageService);
    this.selfService = createServiceClient(this.#channel, SelfService);
  }

  /**
   * Decides whether the bearer of a token may do an action on a resource. A denial is a decision; rejects with
   * PatwardenError if none could be made. A malformed token is answered TOKEN_MALFORMED without a call; an empty one is
   * an error. Default deadline: 1 second.
   *
   * @param resource OpenFGA object, `type:id`.
   * @param action OpenFGA relation.
   */
  async check(token: string | Secret, resource: string, action: string, options: CheckOptions = {}): Promise<Decision> {
    const { context, consistency, claims = [] } = options;
    const question = questionOf({ token, resource, action, context, consistency });
    const patience = patienceOf(options, decisionTimeoutMs);
    if (this.#isMalformed(question)) return malformed;
    if (this.#coalesce && claims.length === 0) return this.#coalescer.check(question, patience);
    const request = { ...question, claims: [...claims] };
    return decisionOf(await this.#channel.unary(AuthorizationService.method.check, request, patience));
  }

  /**
   * Makes many checks, and returns a decision or an error for each item, in order. Makes as many calls as needed, of at
   * most 500 items each. Rejects only for an invalid item (TypeError). Default deadline: 1 second.
   */
  async batchCheck(items: Iterable<CheckItem>, options: CallOptions = {}): Promise<BatchCheckResult[]> {
    const questions = Array.from(items, questionOf);
    const patience = patienceOf(options, decisionTimeoutMs);
    return Promise.all(
      questions.map(async (question): Promise<BatchCheckResult> => {
        if (this.#isMalformed(question)) return { decision: malformed };
        try {
          return { decision: await this.#coalescer.check(question, patience) };
        } catch (error) {
          if (error instanceof PatwardenError) return { error };
          throw error;
        }
      }),
    );
  }

  /**
   * Lists the resources of a type on which the bearer of a token may do an action. Resolves when the list begins. The
   * list is for display: check before acting on an entry. Rejects with PatwardenError. Default deadline: none.
   */
  async listResources(
    token: string | Secret,
    type: string,
    action: string,
    options: ListResourcesOptions = {},
  ): Promise<ResourceList> {
    const { context, consistency } = options;
    const request = {
      token: textOf(token),
      type,
      action,
      ...(context && { context: contextOf(context) }),
      ...(consistency && { consistency: consistencyOf(consistency) }),
    };
    const { deadline, signal } = patienceOf(options, Number.POSITIVE_INFINITY);
    const leaving = new AbortController();
    const call = { deadline, signal: signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal };
    const messages = await this.#channel.serverStream(AuthorizationService.method.listResources, request, call);
    return resourceListOf(messages, () => leaving.abort());
  }

  /** Returns the state of a token, without a resource. Rejects with PatwardenError. Default deadline: 1 second. */
  async introspect(token: string | Secret, options: IntrospectOptions = {}): Promise<Introspection> {
    const { context } = options;
    const request = { token: textOf(token), ...(context && { context: contextOf(context) }) };
    const patience = patienceOf(options, decisionTimeoutMs);
    const reply = await this.#channel.unary(AuthorizationService.method.introspect, request, patience);
    return { active: reply.active, reason: reasonOf(reply.reason), token: reply.token };
  }

  /** Iterates over all tokens that match, newest first, and fetches a page at a time. Deadlines apply to each page. */
  async *listTokens(
    filters: MessageInitShape<typeof ListTokensRequestSchema> = {},
    options?: ServiceCallOptions,
  ): AsyncGenerator<Token, void> {
    for await (const { tokens } of pages((page) => this.tokens.listTokens({ ...filters, ...page }, options))) {
      yield* tokens;
    }
  }

  /**
   * Iterates over all audit events that match, newest first, and fetches a page at a time. Deadlines apply to each
   * page.
   */
  async *listAuditEvents(
    filters: MessageInitShape<typeof ListAuditEventsRequestSchema> = {},
    options?: ServiceCallOptions,
  ): AsyncGenerator<AuditEvent, void> {
    for await (const { events } of pages((page) => this.audit.listAuditEvents({ ...filters, ...page }, options))) {
      yield* events;
    }
  }

  /** Iterates over all rows of a usage query, and fetches a page at a time. Deadlines apply to each page. */
  async *queryUsage(
    query: MessageInitShape<typeof QueryUsageRequestSchema> = {},
    options?: ServiceCallOptions,
  ): AsyncGenerator<UsageRow, void> {
    for await (const { rows } of pages((page) => this.usage.queryUsage({ ...query, ...page }, options))) yield* rows;
  }

  /** An empty token is a mistake of the caller, not of the bearer: the server reports it. */
  #isMalformed({ token }: { readonly token: string }): boolean {
    return token !== "" && !parseSecret(token, this.brand);
  }

  /** Lets running calls finish. Checks that were not sent yet and new calls fail with CANCELLED. */
  close(): void {
    this.#coalescer.close();
    this.#channel.close();
  }
}

/** The first page uses the page token of the request, if any. */
async function* pages<P extends { readonly nextPageToken: string }>(
  ask: (page: { readonly pageToken?: string }) => Promise<P>,
): AsyncGenerator<P, void> {
  let page = await ask({});
  yield page;
  while (page.nextPageToken !== "") {
    page = await ask({ pageToken: page.nextPageToken });
    yield page;
  }
}
