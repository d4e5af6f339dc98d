import { actorOf, type Caller, mayActFor } from "../access/caller.js";
import { requirePermission } from "../access/rules.js";
import type { Clock } from "../check/clock.js";
import { Failure } from "../failure/failure.js";
import type { Subject } from "../identifier/identifier.js";
import type { AuthorizationModel } from "../openfga/permission-checker.js";
import type { TokenStore } from "../store/token-store.js";
import { grantWithin } from "../token/grant.js";
import { newSecretId, newTokenId } from "../token/ids.js";
import { type Lifetime, resolveExpiry } from "../token/lifetime.js";
import type { PepperRing } from "../token/pepper.js";
import type { Grant, SecretRecord, TokenKind, TokenRecord, TokenWithSecrets } from "../token/token.js";
import { checkGrantAgainstModel } from "./grant-in-model.js";

/** A well-formed wish for a token; every field has been parsed. */
export interface CreateTokenCommand {
  readonly subject: Subject;
  readonly name: string;
  readonly description: string;
  readonly grant: Grant;
  readonly lifetime: Lifetime;
  readonly notBefore: Date | undefined;
  readonly allowedCidrs: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string>>;
}

export interface CreatedToken {
  readonly token: TokenWithSecrets;
  /** The only copy outside the holder's hands; it is kept nowhere. */
  readonly secret: string;
}

export interface CreateTokenOptions {
  readonly store: Pick<TokenStore, "insert">;
  readonly peppers: PepperRing;
  readonly clock: Clock;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  /** Lifetime of a token for which none is asked, milliseconds. */
  readonly defaultLifetimeMs: number;
}

const kinds = { user: "pat", organization: "oat" } as const satisfies Record<Subject["kind"], TokenKind>;

/** Makes a token and its first secret. Throws Failure; then nothing was stored, unless it is OUTCOME_UNKNOWN. */
export async function createToken(
  { store, peppers, clock, model, defaultLifetimeMs }: CreateTokenOptions,
  caller: Caller,
  command: CreateTokenCommand,
): Promise<CreatedToken> {
  const now = clock.now();
  if (!mayActFor(caller, command.subject.name)) {
    throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "tokens.impersonate", limit: "subjects" } });
  }
  if (Object.keys(command.claims).length > 0) requirePermission(caller, "tokens.claims");
  if (caller.maxGrant && !grantWithin(command.grant, caller.maxGrant)) throw exceeds("grant", "max_grant");
  checkGrantAgainstModel(model(), command.subject, command.grant);
  const expiry = resolveExpiry({
    lifetime: command.lifetime,
    now,
    defaultLifetimeMs: Math.min(defaultLifetimeMs, caller.maxLifetimeMs ?? Number.POSITIVE_INFINITY),
    notBefore: command.notBefore,
  });
  if (!expiry.ok) throw new Failure("INVALID_FIELD", { violations: [expiry] });
  if (caller.maxLifetimeMs !== undefined) {
    const lifetimeMs = (expiry.expireTime?.getTime() ?? Number.POSITIVE_INFINITY) - now.getTime();
    if (lifetimeMs > caller.maxLifetimeMs) throw exceeds("lifetime", "max_lifetime");
  }

  const minted = peppers.mint(kinds[command.subject.kind]);
  const token: TokenRecord = {
    id: newTokenId(),
    kind: kinds[command.subject.kind],
    subject: command.subject.name,
    name: command.name,
    description: command.description,
    grant: command.grant,
    allowedCidrs: command.allowedCidrs,
    metadata: command.metadata,
    claims: command.claims,
    createTime: now,
    createdBy: actorOf(caller),
    notBefore: command.notBefore,
    expireTime: expiry.expireTime,
    revocation: undefined,
  };
  const secret: SecretRecord = {
    id: newSecretId(),
    hint: minted.hint,
    createTime: now,
    pepperVersion: minted.pepperVersion,
    retireTime: undefined,
    revokeTime: undefined,
  };
  await store.insert(token, { ...secret, digest: minted.digest });
  return { token: { ...token, secrets: [secret] }, secret: minted.text };
}

function exceeds(field: string, limit: string): Failure {
  return new Failure("POLICY_VIOLATION", { metadata: { field, limit, scope: "caller" } });
}
