import type { SubjectName } from "../domain/identifier.js";
import type { Address } from "../domain/network.js";
import type { Grant, SecretId, TokenId } from "../domain/token.js";

/**
 * What a service may be allowed. `check.direct` asks about subjects without a token, over AuthZEN; `tokens.impersonate`
 * creates and changes tokens of any subject without a proof that the subject wants it; `tokens.behalf` does what the
 * user may whose own access token comes with the call, but nothing as an administrator of the deployment;
 * `tokens.claims` writes facts that backends trust; `tokens.exchange` gets JWTs for tokens that it has; `admin` is all
 * of them.
 */
export const permissions = [
  "check",
  "check.direct",
  "introspect",
  "tokens.read",
  "tokens.revoke",
  "tokens.behalf",
  "tokens.impersonate",
  "tokens.approve",
  "tokens.claims",
  "tokens.exchange",
  "subjects",
  "policies",
  "usage",
  "audit",
  "admin",
] as const;

export type Permission = (typeof permissions)[number];

/** Who calls Patwarden, proven. */
export type Caller = ServiceCaller | UserCaller | TokenCaller;

/** A caller of the management plane, with the address that its call came from, as far as the server knows. */
export type ManagingCaller = Caller & { readonly from?: string };

/** A configured backend or script, known by a service key or a client certificate. */
export interface ServiceCaller {
  readonly kind: "service";
  /** Unique, `[a-z0-9][a-z0-9-]{0,62}`. */
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
  /**
   * The only subjects that it has to do with: names, or prefixes that end in `:`. Absent: all. A Check is answered for
   * every token that is shown, and what is shown may be revoked.
   */
  readonly subjects?: readonly string[];
  /** The longest lifetime of a token that it creates, milliseconds. Absent: the general limit. */
  readonly maxLifetimeMs?: number;
  /** What a token that it creates may do at most. Absent: anything. */
  readonly maxGrant?: Grant;
  /** The only audiences for which it may get JWTs, as far as they are configured at all. Absent: all of those. */
  readonly exchangeAudiences?: readonly string[];
  /**
   * How long it may keep an answer of introspection, milliseconds. Absent: as long as the integration lets everybody.
   */
  readonly maxCacheMs?: number;
}

/** A signed-in user, known by an access token of a configured issuer. */
export interface UserCaller {
  readonly kind: "user";
  readonly subject: SubjectName;
  /** Whether this user administers the deployment: the issuer says so, and a service in between does so too. */
  readonly admin: boolean;
  /** The service that passed the user's token on; its ceilings hold as well. */
  readonly via?: ServiceCaller;
}

/** The holder of a Patwarden token, known by its secret. It manages nothing but itself. */
export interface TokenCaller {
  readonly kind: "token";
  readonly id: TokenId;
  readonly subject: SubjectName;
  /** The secret that was shown: a token's other secrets are not this caller's. */
  readonly secretId: SecretId;
  /** Where the call came from; undefined when that is not known. */
  readonly address: Address | undefined;
}

/** Name of the caller in audit events and `created_by`: `service:<name>`, the user's subject, or `token:<id>`. */
export function actorOf(caller: Caller): string {
  switch (caller.kind) {
    case "service":
      return `service:${caller.name}`;
    case "user":
      return caller.subject;
    case "token":
      return `token:${caller.id}`;
  }
}

/** `service:<name>` of the service in between, if there is one. */
export function viaOf(caller: Caller): string | undefined {
  return caller.kind === "user" && caller.via ? `service:${caller.via.name}` : undefined;
}

/** All that had a part in a call: the caller, and the service in between. */
export function namesOf(caller: Caller): readonly string[] {
  const via = viaOf(caller);
  return via === undefined ? [actorOf(caller)] : [actorOf(caller), via];
}

/** The service whose ceilings hold: the caller itself or the one in between. */
export function ceilingsOf(caller: Caller): Pick<ServiceCaller, "subjects" | "maxLifetimeMs" | "maxGrant"> {
  if (caller.kind === "service") return caller;
  return (caller.kind === "user" && caller.via) || {};
}

/** Whether these ceilings admit tokens of this subject. */
export function admitsSubject({ subjects }: Pick<ServiceCaller, "subjects">, subject: SubjectName): boolean {
  return (
    subjects === undefined ||
    // Only a prefix that ends in the colon of its type matches more than itself: organization:acme must not hold
    // organization:acme2.
    subjects.some((scope) => (scope.endsWith(":") ? subject.startsWith(scope) : subject === scope))
  );
}

/** Whether these ceilings admit what holds for subjects as a whole. */
export function admitsAll({ subjects }: Pick<ServiceCaller, "subjects">): boolean {
  return subjects === undefined;
}
