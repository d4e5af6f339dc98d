import type { Awaitable } from "./awaitable.js";
import type { CallOptions } from "./call-options.js";
import type { Failure } from "./errors.js";
import type { ActionName, ResourceName, SubjectName } from "./identifier.js";

/** How fresh OpenFGA's answer must be. `higher` bypasses every cache. */
export type Consistency = "minimize-latency" | "higher";

/** One relationship question. */
export interface Question {
  readonly subject: SubjectName;
  readonly action: ActionName;
  readonly resource: ResourceName;
  /**
   * The address that the bearer's request came from, if known. It is converted to its canonical text only when
   * conditions of the model use it.
   */
  readonly clientAddress?: { toString(): string } | undefined;
}

/** Only a received `allowed === true` is `true`. A failure is neither yes nor no. */
export type OpenFgaAnswer = boolean | Failure;

/** Asks the pinned store and model whether subjects hold relations. */
export interface PermissionChecker {
  /**
   * Returns one answer for each question, in order, at once when all of them are kept. A question that fails does not
   * affect the others. Failures are values: the promise never rejects.
   */
  check(
    questions: readonly Question[],
    consistency: Consistency,
    options?: CallOptions,
  ): Awaitable<readonly OpenFgaAnswer[]>;
}

/** A question for all resources of a type. */
export interface ResourceQuery extends Omit<Question, "resource"> {
  readonly type: string;
}

/** A part of a list, in no particular order. */
export interface ResourcePage {
  /** At most 1,000. */
  readonly resources: readonly ResourceName[];
  /** Whether the list may be incomplete. Only the last page may say so. */
  readonly incomplete: boolean;
}

/** Asks the pinned store and model on which resources subjects hold a relation. */
export interface ResourceLister {
  /**
   * Yields one or more pages. Leaving the loop early ends the call. Names that no Check could ask about are left out.
   * Throws a Failure when OpenFGA fails or the caller has gone away; the pages so far are then no valid list.
   */
  list(
    query: ResourceQuery,
    consistency: Consistency,
    options?: CallOptions & { readonly signal?: AbortSignal },
  ): AsyncIterable<ResourcePage>;
}

/** The pinned authorization model, read once at start. Its methods need no I/O. */
export interface AuthorizationModel {
  readonly id: string;
  readonly types: ReadonlySet<string>;
  hasType(type: string): boolean;
  hasAction(type: string, action: string): boolean;
  /** Returns the relations of a type, none for an unknown type. */
  actionsOf(type: string): ReadonlySet<string>;
  /** Returns whether some type has this action. */
  hasActionAnywhere(action: string): boolean;
  /**
   * Returns whether an object of `subjectType` (the plain object, not a userset or wildcard) could ever hold `action`
   * on some object of `type`, following computed relations, tuple-to-userset and set operations. Returns true when
   * unsure.
   */
  canHold(subjectType: string, type: string, action: string): boolean;
  /** Returns whether some relation of some type allows `subjectType` directly. */
  admits(subjectType: string): boolean;
}
