import type { SubjectName } from "../domain/identifier.js";
import type { Address } from "../domain/network.js";
import type { Grant, SecretId, TokenId } from "../domain/token.js";

/**
 * The permissions that a service can have. `check.direct`: ask about subjects without a token, over AuthZEN.
 * `tokens.impersonate`: create and change tokens of any subject without a proof that the subject wants it.
 * `tokens.behalf`: act as the user whose own access token comes with the call, but never as an administrator of the
 * deployment. `tokens.claims`: write facts that backends trust. `tokens.exchange`: get JWTs for Patwarden tokens that
 * the service holds. `admin`: all permissions.
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

/** An authenticated caller of Patwarden. */
export type Caller = ServiceCaller | UserCaller | TokenCaller;

/** A caller of the management plane, with the client address of the call, if it is known. */
export type ManagingCaller = Caller & { readonly from?: string };

/** A configured backend or script, known by a service key or a client certificate. */
export interface ServiceCaller {
  readonly kind: "service";
  /** Unique, `[a-z0-9][a-z0-9-]{0,62}`. */
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
  /**
   * The only subjects that the service may manage: names, or prefixes that end in `:`. Absent: all. Checks and
   * revocations with the secret of a token are not limited by this.
   */
  readonly subjects?: readonly string[];
  /** The longest lifetime of a token that the service creates, milliseconds. Absent: no limit of its own. */
  readonly maxLifetimeMs?: number;
  /** The largest grant of a token that the service creates. Absent: no limit of its own. */
  readonly maxGrant?: Grant;
  /** The only configured audiences for which the service may get JWTs. Absent: all of them. */
  readonly exchangeAudiences?: readonly string[];
  /** How long the service may cache introspection responses, milliseconds. Absent: as the integration allows. */
  readonly maxCacheMs?: number;
}

/** A signed-in user, known by an access token of a configured issuer. */
export interface UserCaller {
  readonly kind: "user";
  readonly subject: SubjectName;
  /** Whether this user administers the deployment: the issuer says so, and a service in between has `admin` too. */
  readonly admin: boolean;
  /** The service that passed on the user's token. Its limits on subjects, lifetime and grant apply as well. */
  readonly via?: ServiceCaller;
  /** How and when the user signed in. Absent: caller authentication is off. */
  readonly signIn?: SignIn;
}

/** Facts about a user's sign-in, from an access token or from a session of the console. */
export interface SignIn {
  /** `auth_time`. Absent: the identity provider does not tell. */
  readonly authTime?: Date;
  /** `acr`. Absent: the identity provider does not tell. */
  readonly acr?: string;
  /** `name`, without deceptive characters, cut to 200 of them. Absent: the identity provider does not tell. */
  readonly displayName?: string;
  /** When the session or the access token ends. */
  readonly endTime: Date;
  /** The sign-in that calls which give more power need. Absent: any. */
  readonly stepUp?: StepUp;
}

/** `issuers[].step_up` of the configuration. */
export interface StepUp {
  /** The longest time since the sign-in, milliseconds. */
  readonly maxAgeMs?: number;
  /** The accepted `acr`; empty: any. */
  readonly acrValues: readonly string[];
}

/** The holder of a Patwarden token, known by a secret of the token. It can manage only this token. */
export interface TokenCaller {
  readonly kind: "token";
  readonly id: TokenId;
  readonly subject: SubjectName;
  /** The id of the secret in the call. The caller does not know the token's other secrets. */
  readonly secretId: SecretId;
  /** The client address of the call; undefined when it is not known. */
  readonly address: Address | undefined;
}

/** Returns the caller's name for audit events and `created_by`: `service:<name>`, the user's subject, `token:<id>`. */
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

/** Returns `service:<name>` of the service in between, or undefined when there is none. */
export function viaOf(caller: Caller): string | undefined {
  return caller.kind === "user" && caller.via ? `service:${caller.via.name}` : undefined;
}

/** Returns the names of all parties of a call: the caller, and the service in between. */
export function namesOf(caller: Caller): readonly string[] {
  const via = viaOf(caller);
  return via === undefined ? [actorOf(caller)] : [actorOf(caller), via];
}

/** Returns the limits ("ceilings") that apply to a call: those of the calling service or of the service in between. */
export function ceilingsOf(caller: Caller): Pick<ServiceCaller, "subjects" | "maxLifetimeMs" | "maxGrant"> {
  if (caller.kind === "service") return caller;
  return (caller.kind === "user" && caller.via) || {};
}

/** Returns whether these ceilings admit tokens of this subject. */
export function admitsSubject({ subjects }: Pick<ServiceCaller, "subjects">, subject: SubjectName): boolean {
  return (
    subjects === undefined ||
    // Only a scope that ends in a colon is a prefix: organization:acme must not include organization:acme2.
    subjects.some((scope) => (scope.endsWith(":") ? subject.startsWith(scope) : subject === scope))
  );
}

/** Returns whether these ceilings admit settings that apply to all subjects, such as the policies of the deployment. */
export function admitsAll({ subjects }: Pick<ServiceCaller, "subjects">): boolean {
  return subjects === undefined;
}
