import { type Caller, ceilingsOf } from "../../callers/caller.js";
import { Failure } from "../../domain/errors.js";
import type { ActionName, ResourceName, Subject, SubjectName } from "../../domain/identifier.js";
import type { PermissionChecker } from "../../domain/permission-checker.js";
import type { Policy } from "../../domain/policy.js";
import type { Grant, TokenKind } from "../../domain/token.js";
import type { TokenContext } from "../../domain/token-store.js";

/** The kind of the tokens of each kind of subject. */
export const kinds = { user: "pat", organization: "oat" } as const satisfies Record<Subject["kind"], TokenKind>;

/** The limits of a new token. */
export interface NewTokenLimits {
  /** In each field the stricter of the policies and of the calling service. */
  readonly policy: Policy & { readonly defaultLifetimeMs: number };
  /** The largest grant that the calling service may give. Undefined means no such limit. */
  readonly maxGrant: Grant | undefined;
  /** Whether a subject was deleted: it must be enabled before it gets tokens. */
  readonly deleted: boolean;
}

/**
 * Returns the limits of a new token of this caller.
 *
 * @param configuredMs the lifetime when neither request nor policy names one, milliseconds.
 */
export function limitsOfNewToken(
  caller: Caller,
  { policy, subjects }: TokenContext,
  configuredMs: number,
): NewTokenLimits {
  const { maxLifetimeMs: ceilingMs, maxGrant } = ceilingsOf(caller);
  const longest = [policy.maxLifetimeMs, ceilingMs].filter((ms) => ms !== undefined);
  const maxLifetimeMs = longest.length > 0 ? Math.min(...longest) : undefined;
  const defaultLifetimeMs = Math.min(policy.defaultLifetimeMs ?? configuredMs, ...longest);
  // The tokens of a disabled subject are refused anyway.
  const deleted = [subjects.subject, subjects.organization].some((facts) => facts?.state === "DELETED");
  return { policy: { ...policy, maxLifetimeMs, defaultLifetimeMs }, maxGrant, deleted };
}

/** Returns the subject of a request that may leave it out. Throws INVALID_FIELD when the caller is no user. */
export function subjectOr(caller: Caller, subject: Subject | undefined): Subject {
  if (subject) return subject;
  if (caller.kind === "user") return { name: caller.subject, kind: "user" };
  const description = "is required; it may be left out only when the caller is a user";
  throw new Failure("INVALID_FIELD", { violations: [{ field: "subject", description }] });
}

/** Throws INVALID_FIELD for an organization's own token that is to be bound to an organization. */
export function requireBindable({ kind }: Subject, organization: SubjectName | undefined): void {
  if (organization === undefined || kind === "user") return;
  const description = "is only for tokens of users; for an organization's own token, set subject instead";
  throw new Failure("INVALID_FIELD", { violations: [{ field: "organization", description }] });
}

export interface MembershipOptions {
  readonly permissions: PermissionChecker;
  /** `subjects.member_relation` of the configuration. */
  readonly memberRelation: ActionName;
}

/** Returns whether a user is a member of an organization, past every cache. Throws when OpenFGA fails. */
export async function isMember(
  { permissions, memberRelation }: MembershipOptions,
  subject: SubjectName,
  organization: SubjectName,
): Promise<boolean> {
  const [member] = await permissions.check(
    [{ subject, action: memberRelation, resource: organization as string as ResourceName }], // an object like any other
    "higher",
  );
  if (member instanceof Failure) throw member;
  return member === true;
}
