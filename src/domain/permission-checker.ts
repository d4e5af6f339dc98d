import type { CallOptions } from "./call-options.js";
import type { Failure } from "./errors.js";
import type { ActionName, ResourceName, SubjectName } from "./identifier.js";

/** How fresh OpenFGA's answer must be. `higher` goes past every cache. */
export type Consistency = "minimize-latency" | "higher";

/** One relationship question. */
export interface Question {
  readonly subject: SubjectName;
  readonly action: ActionName;
  readonly resource: ResourceName;
  /**
   * Where the bearer's request came from, if that is known. Made to text, its canonical form, only where conditions of
   * the model are told it.
   */
  readonly clientAddress?: { toString(): string } | undefined;
}

/** Only a received `allowed === true` is `true`. A failure is neither yes nor no. */
export type OpenFgaAnswer = boolean | Failure;

/** Whether subjects hold relations, asked of the pinned store and model. */
export interface PermissionChecker {
  /**
   * One answer for each question, in order; a failing question never fails its neighbours. Answers are values: it never
   * rejects.
   */
  check(
    questions: readonly Question[],
    consistency: Consistency,
    options?: CallOptions,
  ): Promise<readonly OpenFgaAnswer[]>;
}

/** Whose resources of a type are wanted. */
export interface ResourceQuery extends Omit<Question, "resource"> {
  readonly type: string;
}

/** A part of a list, in no order. */
export interface ResourcePage {
  /** At most 1,000. */
  readonly resources: readonly ResourceName[];
  /** Whether the list may be incomplete. Only the last page may say so. */
  readonly incomplete: boolean;
}

/** Which resources subjects hold a relation on, asked of the pinned store and model. */
export interface ResourceLister {
  /**
   * One page or more; leaving early ends the call. Names that no Check could ask about are left out. Throws a Failure
   * when OpenFGA fails or the caller has gone: then the pages so far are no list.
   */
  list(
    query: ResourceQuery,
    consistency: Consistency,
    options?: CallOptions & { readonly signal?: AbortSignal },
  ): AsyncIterable<ResourcePage>;
}

/** What the pinned authorization model knows, read once at start; answers cost no I/O. */
export interface AuthorizationModel {
  readonly id: string;
  readonly types: ReadonlySet<string>;
  hasType(type: string): boolean;
  hasAction(type: string, action: string): boolean;
  /** The relations of a type; empty for an unknown one. */
  actionsOf(type: string): ReadonlySet<string>;
  /** Whether some type has this action. */
  hasActionAnywhere(action: string): boolean;
  /**
   * Whether an object of `subjectType` (the plain object, not a userset or wildcard) could ever hold `action` on some
   * object of `type`, following computed relations, tuple-to-userset and set operations; conservative: unsure means
   * true.
   */
  canHold(subjectType: string, type: string, action: string): boolean;
  /** Whether some relation of some type admits `subjectType` directly. */
  admits(subjectType: string): boolean;
}
