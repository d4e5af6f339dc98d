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
 * What a JWT says in the place of a token (RFC 9068 §2.2). Times are whole seconds since 1970. An alias: what signs
 * takes any members, and no interface.
 */
export type ExchangedClaims = {
  readonly iss: string;
  /** `user:alice` or `organization:acme`. */
  readonly sub: string;
  readonly aud: string;
  /** Name of the service that asked for it. */
  readonly client_id: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  /** In the words of domain/scope.ts; empty: nothing. */
  readonly scope: string;
  readonly token_id: string;
  /** That the token is bound to, or is. */
  readonly organization?: string;
  /** The token's, if it has any. */
  readonly claims?: Readonly<Record<string, string>>;
};

export interface ExchangeTokenOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly store: Pick<TokenStore, "handOut">;
  readonly permissions: PermissionChecker;
  /** As of Authorizer. */
  readonly memberRelation: ActionName;
  readonly clock: Clock;
  /** `iss` of the JWTs. */
  readonly issuer: string;
  /** What JWTs may be made for; a caller's own list narrows it. */
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
  /** What the JWT is for; there must be one. */
  readonly targets: readonly string[];
  /** Undefined means all that the token may. */
  readonly scope: string | undefined;
}

export interface Exchanged {
  readonly jwt: string;
  readonly scope: string;
  /** Seconds that it lives. */
  readonly expiresIn: number;
}

/**
 * No JWT for this request, as things are. The names are those of RFC 8693 §2.2.2 and RFC 6749 §5.2; the message is
 * fixed ASCII.
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
 * Makes a JWT of a token, for services that verify JWTs and do not ask: for one audience, for no more than the token
 * may, and for no longer than it, this secret of it or `lifetimeMs` last. It outlives a revocation by what is left of
 * that, which is on record before the JWT leaves. A token that is bound to networks is refused, since nobody who only
 * verifies JWTs knows of them. Throws ExchangeRefused, or a Failure when nothing could be decided.
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
  // What is no good by itself is no question to OpenFGA, and locks nothing.
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

/** Throws `invalid_target` for more than one, and for what may not be asked for (CVE-2022-1245). */
function admittedTarget(
  { audiences }: Pick<ExchangeTokenOptions, "audiences">,
  { exchangeAudiences = audiences }: ServiceCaller,
  targets: readonly string[],
): string {
  const [target, ...others] = targets;
  if (target === undefined) throw new ExchangeRefused("invalid_request", "audience or resource is required");
  if (others.length > 0)
    throw new ExchangeRefused("invalid_target", "one audience or resource is admitted in a request");
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
  // The name of an organization is that of an object like any other.
  const membership = { subject, action: memberRelation, resource: organization as string as ResourceName };
  const [member] = await permissions.check([membership], "higher", callOptions);
  if (member instanceof Failure) throw member;
  if (member !== true) throw invalidToken();
}

interface Wanted {
  readonly audience: string;
  readonly scope: string | undefined;
  /** Name of the service that asks. */
  readonly client: string;
  readonly secretId: SecretId;
}

/** What the JWT says, if the token may be used now with this secret. Throws ExchangeRefused. */
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
  // Rounded down: never later than what it stands for.
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

/** One for every reason. */
function invalidToken(): ExchangeRefused {
  return new ExchangeRefused("invalid_request", "the subject token is not valid");
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
