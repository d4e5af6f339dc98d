import type { CallOptions } from "../domain/call-options.js";
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
import type { Grant } from "../domain/token.js";
import type { ResolvedToken } from "../domain/token-store.js";
import { membershipQuestion } from "./decision.js";

/** A question for the resources of a type on which an action is allowed. The model knows type and action. */
export interface ReachQuestion {
  readonly type: string;
  readonly action: ActionName;
  /** Undefined when the caller does not know the address. */
  readonly clientAddress: Address | undefined;
  readonly consistency: Consistency;
}

/** The resources that were found. Empty, with the reason, unless the reason is ALLOWED. */
export interface Listing {
  readonly reason: Reason;
  /** One or more pages, to be read once. Throws a Failure when OpenFGA fails; the pages so far are then not a list. */
  readonly pages: AsyncIterable<ResourcePage>;
}

export interface ReachOptions {
  readonly permissions: PermissionChecker;
  readonly resources: ResourceLister;
  /** The relation of members to an organization, as in AuthorizerOptions. */
  readonly memberRelation: ActionName;
}

const pageSize = 1_000;

/**
 * Returns the resources on which OpenFGA allows the action to the subject and which the grant covers; none when the
 * subject is not a member of the organization. For a grant of named resources, these are checked; for a wider grant,
 * OpenFGA's list is filtered by the grant. A failure before the first page is returned; the promise never rejects.
 */
export async function reach(
  { permissions, resources, memberRelation }: ReachOptions,
  token: Pick<ResolvedToken, "subject" | "organization" | "grant">,
  { action, type, clientAddress, consistency }: ReachQuestion,
  callOptions: CallOptions & { readonly signal?: AbortSignal },
): Promise<Listing | Failure> {
  const { subject, grant } = token;
  const granted = grantedResources(grant, action, type);
  const named = granted === "any" ? [] : granted;
  const membership = membershipQuestion(token, memberRelation, clientAddress);
  const questions: Question[] = named.map((resource) => ({ subject, action, resource, clientAddress }));
  const received = await permissions.check(
    membership ? [membership, ...questions] : questions,
    consistency,
    callOptions,
  );
  if (membership) {
    const [member] = received;
    if (member === false) return nothing("NOT_A_MEMBER");
    if (member !== true) return member ?? new Failure("INTERNAL");
  }
  const answers = received.slice(membership ? 1 : 0);
  const failures = answers.filter((answer) => answer instanceof Failure);
  const [failure] = failures;
  if (failure && failures.length === answers.length) return failure;
  return {
    reason: "ALLOWED",
    pages:
      granted === "any"
        ? cutByGrant(resources.list({ subject, action, type, clientAddress }, consistency, callOptions), grant, action)
        : pagesOf(
            named.filter((_, index) => answers[index] === true),
            failures.length > 0,
          ),
  };
}

/** Returns an empty list with the reason for it. */
export function nothing(reason: Reason): Listing {
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
  grant: Grant,
  action: ActionName,
): AsyncGenerator<ResourcePage, void> {
  for await (const { resources, incomplete } of pages) {
    yield { resources: resources.filter((resource) => grantCovers(grant, action, resource)), incomplete };
  }
}
