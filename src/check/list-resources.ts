import type { CallOptions } from "../domain/call-options.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { grantCovers, grantedResources } from "../domain/grant.js";
import type { ActionName, ResourceName } from "../domain/identifier.js";
import type { Address } from "../domain/network.js";
import type {
  Consistency,
  PermissionChecker,
  Question,
  ResourceLister,
  ResourcePage,
} from "../domain/permission-checker.js";
import type { Reason } from "../domain/reason.js";
import type { ResolvedToken } from "../domain/token-store.js";
import { membershipQuestion, unrecognized } from "./decision.js";
import type { TokenResolver } from "./token-resolver.js";
import { complies, judgeToken } from "./token-rules.js";

/** A question for the resources of a type on which a token allows an action. The model knows type and action. */
export interface ListQuestion {
  /** The token as the bearer sent it, not checked yet. */
  readonly token: string;
  readonly type: string;
  readonly action: ActionName;
  /** Undefined when the caller does not know the address. */
  readonly clientAddress: Address | undefined;
  readonly consistency: Consistency;
}

/** The resources that a token can access. Empty, with the reason, unless the reason is ALLOWED. */
export interface Listing {
  readonly reason: Reason;
  /** One or more pages, to be read once. Throws a Failure when OpenFGA fails; the pages so far are then not a list. */
  readonly pages: AsyncIterable<ResourcePage>;
}

export interface ListResourcesOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly permissions: PermissionChecker;
  readonly resources: ResourceLister;
  readonly clock: Clock;
  /** The relation of members to an organization, as in AuthorizerOptions. */
  readonly memberRelation: ActionName;
  /** Called when a list is allowed. Must not wait and not throw. */
  readonly onUse?: (token: ResolvedToken, question: ListQuestion) => void;
  /** Called when a superseded secret is used. Must not wait and not throw. */
  readonly onSuperseded?: (token: ResolvedToken) => void;
}

const pageSize = 1_000;

/**
 * Returns the resources of the type for which a Check would allow. For a grant of named resources, these are checked;
 * for a wider grant, OpenFGA's list is filtered by the grant. A failure before the first page is returned; the promise
 * never rejects.
 */
export async function listResources(
  options: ListResourcesOptions,
  question: ListQuestion,
  callOptions: CallOptions & { readonly signal?: AbortSignal },
): Promise<Listing | Failure> {
  const { action, type, clientAddress, consistency } = question;
  const resolution = await options.tokens.resolve(question.token, callOptions);
  if (resolution.kind !== "known") {
    const verdict = unrecognized(resolution);
    return verdict instanceof Failure ? verdict : nothing(verdict.reason);
  }
  const { token } = resolution;
  const granted = grantedResources(token.grant, action, type);
  const refusal = judgeList(token, question, granted.length > 0, options.clock.now().getTime());
  if (refusal === "TOKEN_SUPERSEDED") options.onSuperseded?.(token);
  if (refusal) return nothing(refusal);

  const named = granted === "any" ? [] : granted;
  const membership = membershipQuestion(token, options.memberRelation, clientAddress);
  const questions: Question[] = named.map((resource) => ({ subject: token.subject, action, resource, clientAddress }));
  const permissions = await options.permissions.check(
    membership ? [membership, ...questions] : questions,
    consistency,
    callOptions,
  );
  if (membership) {
    const [member] = permissions;
    if (member === false) return nothing("NOT_A_MEMBER");
    if (member !== true) return member ?? new Failure("INTERNAL");
  }
  const answers = permissions.slice(membership ? 1 : 0);
  const failures = answers.filter((answer) => answer instanceof Failure);
  const [failure] = failures;
  if (failure && failures.length === answers.length) return failure;

  options.onUse?.(token, question);
  const { subject } = token;
  return {
    reason: "ALLOWED",
    pages:
      granted === "any"
        ? cutByGrant(
            options.resources.list({ subject, action, type, clientAddress }, consistency, callOptions),
            token,
            action,
          )
        : pagesOf(
            named.filter((_, index) => answers[index] === true),
            failures.length > 0,
          ),
  };
}

/** Runs steps 3 to 6 for a list and returns the first refusal, or undefined when OpenFGA has to decide. */
function judgeList(
  token: ResolvedToken,
  { action, clientAddress }: ListQuestion,
  granted: boolean,
  nowMs: number,
): Reason | undefined {
  const refusal = judgeToken(token, clientAddress, nowMs);
  if (refusal) return refusal;
  if (!granted) return "NOT_GRANTED";
  return complies(token, action) ? undefined : "POLICY";
}

function nothing(reason: Reason): Listing {
  return { reason, pages: pagesOf([], false) };
}

async function* pagesOf(resources: readonly ResourceName[], incomplete: boolean): AsyncGenerator<ResourcePage, void> {
  let start = 0;
  for (; start + pageSize < resources.length; start += pageSize) {
    yield { resources: resources.slice(start, start + pageSize), incomplete: false };
  }
  yield { resources: resources.slice(start), incomplete };
}

/** Removes all resources that the grant does not include. */
async function* cutByGrant(
  pages: AsyncIterable<ResourcePage>,
  { grant }: ResolvedToken,
  action: ActionName,
): AsyncGenerator<ResourcePage, void> {
  for await (const { resources, incomplete } of pages) {
    yield { resources: resources.filter((resource) => grantCovers(grant, action, resource)), incomplete };
  }
}
