import { randomUUID } from "node:crypto";
import { admitsSubject, type ServiceCaller } from "../callers/caller.js";
import type { TokenResolver } from "../check/token-resolver.js";
import type { CallOptions } from "../domain/call-options.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import type { PermissionChecker } from "../domain/permission-checker.js";
import { blockedBy, grantUnder, type Policy } from "../domain/policy.js";
import { scopeWithin } from "../domain/scope.js";
import { usability, usableAt } from "../domain/state.js";
import { organizationOf, type SecretId } from "../domain/token.js";
import type { ResolvedToken, TokenSnapshot, TokenStore } from "../domain/token-store.js";

/**
 * The claims of a JWT that stands for a token (RFC 9068 §2.2). Times are whole seconds since 1970. A type alias,
 * because an interface is not assignable to the claims that `SigningKeys.sign` takes.
 */
export type ExchangedClaims = {
  readonly iss: string;
  /** `user:alice` or `organization:acme`. */
  readonly sub: string;
  readonly aud: string;
  /** The name of the service that requested it. */
  readonly client_id: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  /** As domain/scope.ts writes it; empty when nothing is granted. */
  readonly scope: string;
  readonly token_id: string;
  /** The organization that the token is bound to or acts as. */
  readonly organization?: string;
  /** The claims of the token, if it has any. */
  readonly claims?: Readonly<Record<string, string>>;
};

export interface ExchangeTokenOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly store: Pick<TokenStore, "handOut">;
  readonly permissions: PermissionChecker;
  /** The same as in Authorizer. */
  readonly memberRelation: ActionName;
  readonly clock: Clock;
  /** `iss` of the JWTs. */
  readonly issuer: string;
  /** The audiences that JWTs may be made for. A caller's own list narrows them. */
  readonly audiences: readonly string[];
  /** Longest life of a JWT, milliseconds, 1,000 to 300,000. */
  readonly lifetimeMs: number;
  readonly sign: (claims: ExchangedClaims) => Promise<string>;
  /** Called for each token that a JWT was made for. Must not wait and not throw. */
  readonly onUse?: (token: ResolvedToken) => void;
  /** Called for each use of a superseded secret. Must not wait and not throw. */
  readonly onSuperseded?: (token: ResolvedToken) => void;
}

export interface ExchangeRequest {
  /** Secret of a token. */
  readonly secret: string;
  /** The audiences or resources that the JWT is for. There must be exactly one. */
  readonly targets: readonly string[];
  /** Undefined means the whole grant of the token. */
  readonly scope: string | undefined;
}

export interface Exchanged {
  readonly jwt: string;
  readonly scope: string;
  /** The lifetime of the JWT, seconds. */
  readonly expiresIn: number;
}

/**
 * Thrown when a request gets no JWT. `error` is a code of RFC 8693 §2.2.2 or RFC 6749 §5.2; the message is fixed ASCII.
 */
export class ExchangeRefused extends Error {
  override readonly name = "ExchangeRefused";
  readonly error: "invalid_request" | "invalid_target" | "invalid_scope";

  constructor(error: ExchangeRefused["error"], description: string) {
    super(description);
    this.error = error;
  }
}

/**
 * Exchanges a token for a JWT, for services that verify JWTs themselves. The JWT is for one audience, allows no more
 * than the token, and lives no longer than the token, the secret or `lifetimeMs`. After a revocation, the JWT stays
 * valid until it expires; this time is stored before the JWT is returned. A token that is bound to networks is refused,
 * since a service that only verifies JWTs does not know the networks. Throws ExchangeRefused, or a Failure when nothing
 * could be decided.
 */
export async function exchangeToken(
  options: ExchangeTokenOptions,
  caller: ServiceCaller,
  { secret, targets, scope }: ExchangeRequest,
  callOptions: CallOptions = {},
): Promise<Exchanged> {
  const { tokens, store, clock, sign, onUse, onSuperseded } = options;
  const audience = admittedTarget(options, caller, targets);
  const resolution = await tokens.resolve(secret, callOptions);
  if (resolution.kind === "failed") throw resolution.failure;
  if (resolution.kind !== "known") throw invalidToken();
  const { token } = resolution;
  if (!admitsSubject(caller, token.subject)) throw invalidToken();
  const usable = usableAt(token.standing, token, clock.now().getTime());
  if (usable === "TOKEN_SUPERSEDED") onSuperseded?.(token);
  // A token that cannot be used is refused before OpenFGA is asked or anything is locked.
  if (usable !== "ALLOWED" || token.blocked || isBoundToNetworks(token, token.policy)) throw invalidToken();
  if (token.organization) await requireMember(options, token.subject, token.organization, callOptions);
  const wanted = { audience, scope, client: caller.name, secretId: token.secretId };
  const made = await store.handOut(token.id, (current) => claimsOf(options, current, wanted, clock.now()));
  if (!made) throw invalidToken();
  const { claims } = made;
  const jwt = await sign(claims);
  onUse?.(token);
  return { jwt, scope: claims.scope, expiresIn: claims.exp - claims.iat };
}

/**
 * Returns the target. Throws `invalid_target` for more than one, and for one that may not be requested (CVE-2022-1245).
 */
function admittedTarget(
  { audiences }: Pick<ExchangeTokenOptions, "audiences">,
  { exchangeAudiences = audiences }: ServiceCaller,
  targets: readonly string[],
): string {
  const [target, ...others] = targets;
  if (target === undefined) throw new ExchangeRefused("invalid_request", "audience or resource is required");
  if (others.length > 0)
    throw new ExchangeRefused("invalid_target", "only one audience or resource is allowed in a request");
  if (!audiences.includes(target) || !exchangeAudiences.includes(target)) {
    throw new ExchangeRefused("invalid_target", "the caller may not ask for this audience or resource");
  }
  return target;
}

async function requireMember(
  { permissions, memberRelation }: Pick<ExchangeTokenOptions, "permissions" | "memberRelation">,
  subject: SubjectName,
  organization: SubjectName,
  callOptions: CallOptions,
): Promise<void> {
  // An organization is an object of OpenFGA like any other.
  const membership = { subject, action: memberRelation, resource: organization as string as ResourceName };
  const [member] = await permissions.check([membership], "higher", callOptions);
  if (member instanceof Failure) throw member;
  if (member !== true) throw invalidToken();
}

interface Wanted {
  readonly audience: string;
  readonly scope: string | undefined;
  /** The name of the service that calls. */
  readonly client: string;
  readonly secretId: SecretId;
}

/** Returns the claims of the JWT. Throws ExchangeRefused when the token may not be used now with this secret. */
function claimsOf(
  { issuer, lifetimeMs }: Pick<ExchangeTokenOptions, "issuer" | "lifetimeMs">,
  { token, subjects, policy }: TokenSnapshot,
  { audience, scope: requested, client, secretId }: Wanted,
  now: Date,
): { readonly claims: ExchangedClaims; readonly expireTime: Date } {
  const secret = token.secrets.find(({ id }) => id === secretId);
  const usable = secret && usability(token, secret, subjects, now) === "ALLOWED";
  if (!usable || blockedBy(policy, token, secret).length > 0 || isBoundToNetworks(token, policy)) throw invalidToken();
  const scope = scopeWithin(grantUnder(policy, token.grant), requested);
  if (!scope.ok) throw new ExchangeRefused("invalid_scope", scope.problem);

  const ends = [now.getTime() + lifetimeMs, token.expireTime?.getTime(), secret.retireTime?.getTime()];
  const iat = seconds(now.getTime());
  // Rounded down, so that the JWT never ends later than the token.
  const exp = seconds(Math.min(...ends.filter((end) => end !== undefined)));
  // The token ends within this second.
  if (exp <= iat) throw invalidToken();
  const organization = organizationOf(token);
  const claims: ExchangedClaims = {
    iss: issuer,
    sub: token.subject,
    aud: audience,
    client_id: client,
    iat,
    exp,
    jti: randomUUID(),
    scope: scope.value,
    token_id: token.id,
    ...(organization && { organization }),
    ...(Object.keys(token.claims).length > 0 && { claims: token.claims }),
  };
  return { claims, expireTime: new Date(exp * 1000) };
}

function isBoundToNetworks({ allowedCidrs }: Pick<ResolvedToken, "allowedCidrs">, policy: Policy): boolean {
  return allowedCidrs.length > 0 || policy.allowedCidrs !== undefined;
}

/** Returns the same error for every reason. */
function invalidToken(): ExchangeRefused {
  return new ExchangeRefused("invalid_request", "the subject token is not valid");
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
