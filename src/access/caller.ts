import type { SubjectName } from "../identifier/identifier.js";
import type { Grant } from "../token/token.js";

/**
 * What a service may be allowed. `tokens.impersonate` creates tokens for any subject without a proof that the subject wants it;
 * `tokens.claims` writes facts that backends trust; `admin` is all of them.
 */
export const permissions = [
  "check",
  "introspect",
  "tokens.read",
  "tokens.revoke",
  "tokens.impersonate",
  "tokens.claims",
  "admin",
] as const;

export type Permission = (typeof permissions)[number];

/** Who calls Patwarden, proven. Grows by a signed-in user, so tell the kinds apart before using what only one of them has. */
export type Caller = ServiceCaller;

/** A configured backend or script, known by a service key. */
export interface ServiceCaller {
  readonly kind: "service";
  /** Unique, `[a-z0-9][a-z0-9-]{0,62}`. */
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
  /** The only subjects whose tokens it may create, see and revoke: names, or prefixes that end in `:`. Absent: all. */
  readonly subjects?: readonly string[];
  /** The longest lifetime of a token that it creates, milliseconds. Absent: the general limit. */
  readonly maxLifetimeMs?: number;
  /** What a token that it creates may do at most. Absent: anything. */
  readonly maxGrant?: Grant;
}

/** Name of the caller in audit events and `created_by`. */
export function actorOf(caller: Caller): string {
  return `${caller.kind}:${caller.name}`;
}

/** Whether the caller may create, see and revoke tokens of this subject. */
export function mayActFor({ subjects }: Caller, subject: SubjectName): boolean {
  return (
    subjects === undefined ||
    // Only a prefix that ends in the colon of its type matches more than itself: organization:acme must not hold organization:acme2.
    subjects.some((scope) => (scope.endsWith(":") ? subject.startsWith(scope) : subject === scope))
  );
}
