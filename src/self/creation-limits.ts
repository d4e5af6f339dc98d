import { hasPermission } from "../callers/authorize.js";
import { admitsSubject, type Caller, ceilingsOf } from "../callers/caller.js";
import { methods } from "../callers/methods.js";
import type { Rights } from "../callers/rights.js";
import { Failure } from "../domain/errors.js";
import type { Subject, SubjectName } from "../domain/identifier.js";
import type { TokenStore } from "../domain/token-store.js";
import {
  isMember,
  kinds,
  limitsOfNewToken,
  type MembershipOptions,
  type NewTokenLimits,
  requireBindable,
} from "../manage/rules/new-token.js";

export interface CreationLimitsOptions extends MembershipOptions {
  readonly store: Pick<TokenStore, "context">;
  readonly rights: Rights;
  /** Lifetime of a token when neither request nor policy names one, milliseconds. */
  readonly defaultLifetimeMs: number;
}

/** The limits of a token that a caller would create now. */
export interface CreationLimits extends Pick<NewTokenLimits, "policy" | "maxGrant"> {
  readonly mayCreate: boolean;
}

/**
 * Returns the limits that CreateToken would apply. Throws NOT_FOUND for a subject or an organization whose limits the
 * caller may not know, as if it did not exist.
 *
 * @param organization the organization that the token would be bound to. Undefined: none.
 */
export async function creationLimits(
  options: CreationLimitsOptions,
  caller: Caller,
  subject: Subject,
  organization: SubjectName | undefined,
): Promise<CreationLimits> {
  const { store, rights, defaultLifetimeMs } = options;
  requireBindable(subject, organization);
  const owner = { kind: kinds[subject.kind], subject: subject.name, organization };
  const right = (await rights.rankOn(caller, owner, "create")) !== undefined;
  if (!right && !(await isOwnOrganization(options, caller, subject))) throw new Failure("NOT_FOUND");
  const member = organization === undefined || (await isMember(options, subject.name, organization));
  if (organization && !member && !(await rights.onOrganization(caller, organization, "create"))) {
    throw new Failure("NOT_FOUND");
  }
  const { policy, maxGrant, deleted } = limitsOfNewToken(caller, await store.context(owner), defaultLifetimeMs);
  const permitted = caller.kind !== "service" || hasPermission(caller, methods.tokens.createToken.permission);
  const unbound = policy.requireOrganization && owner.kind === "pat" && organization === undefined;
  const mayCreate = right && permitted && member && !deleted && !policy.blockAll && !unbound;
  return { policy, maxGrant, mayCreate };
}

/** Returns whether the subject is an organization of which the calling user is a member. */
async function isOwnOrganization(
  options: MembershipOptions,
  caller: Caller,
  { name, kind }: Subject,
): Promise<boolean> {
  if (caller.kind !== "user" || kind !== "organization" || !admitsSubject(ceilingsOf(caller), name)) return false;
  return isMember(options, caller.subject, name);
}
