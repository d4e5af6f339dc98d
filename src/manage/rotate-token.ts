import { tokenEvent } from "../audit/change-event.js";
import { type ManagingCaller, namesOf } from "../callers/caller.js";
import type { Right } from "../callers/rights.js";
import { requireStepUp } from "../callers/step-up.js";
import { handsAfterRotation, mayRotate } from "../domain/approval.js";
import { Failure } from "../domain/errors.js";
import { etagOf } from "../domain/etag.js";
import { earlier, type Lifetime, resolveExpiry } from "../domain/lifetime.js";
import { networkAllows } from "../domain/network.js";
import type { PepperRing } from "../domain/pepper.js";
import { usability } from "../domain/state.js";
import { currentSecret, type SecretId, type TokenId, type TokenRecord } from "../domain/token.js";
import type { RequestKey, TokenChange, TokenSnapshot } from "../domain/token-store.js";
import { type ChangeTokenOptions, changeToken, requireNotEnded } from "./rules/change-token.js";
import { exceededCeilings, exceededPolicies, refuseExceeded } from "./rules/compliance.js";
import { type IdempotencyOptions, type Issued, once } from "./rules/idempotency.js";
import { mintSecret } from "./rules/mint-secret.js";
import { approvalOfWidened, widens } from "./rules/widening.js";

export interface RotateTokenCommand {
  /** How long the old secret stays valid, milliseconds. */
  readonly graceMs: number;
  /** `default` keeps the end of the token. */
  readonly lifetime: Lifetime;
  /** The etag of the token as the caller saw it. Empty accepts any. */
  readonly etag: string;
  readonly request: RequestKey | undefined;
}

export interface RotateTokenOptions extends ChangeTokenOptions, IdempotencyOptions {
  readonly store: ChangeTokenOptions["store"] & IdempotencyOptions["store"];
  readonly peppers: PepperRing;
}

/** The most secrets that may be valid at a time. Another rotation ends the oldest at once. */
const liveSecrets = 2;

/**
 * Makes a new secret for the same token. The old one stays valid until its grace ends, but never past its old end. Of
 * several concurrent rotations one succeeds; the others are refused, since they would end the secret that it has just
 * shown.
 */
export async function rotateToken(
  options: RotateTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  command: RotateTokenCommand,
): Promise<Issued> {
  const begin = performance.now();
  const right = rightToRotate(caller);
  // A repeated call gets its secret only if the caller still has the right.
  const { snapshot } = await options.rights.require(options.store, caller, id, right);
  requireStepUp(caller, options.clock.now());
  // A token can replace only the secret that it calls with.
  const replaced = caller.kind === "token" ? caller.secretId : currentSecret(snapshot.token)?.id;
  return once(options, command.request, options.clock.now(), async (requestFor) => {
    let text = "";
    const changed = await changeToken(options, caller, id, right, (current, now): TokenChange => {
      requireNotEnded(current, now);
      if (command.etag !== "" && command.etag !== etagOf(current.token)) throw new Failure("ETAG_MISMATCH");
      requireCurrent(current, replaced);
      requireNotRotatedSince(begin, current);
      requireRotatable(caller, current, now);
      const minted = mintSecret(options.peppers, snapshot.token.kind, now);
      text = minted.text;
      const expireTime = newExpiry(current, command.lifetime, now);
      // A new end is always in the future.
      const expired = command.lifetime.kind === "default" && current.token.expired;
      const next = { ...current.token, expireTime, expired };
      requireCompliance(caller, current, next, now);
      const wider = widens(current.token, next);
      // A token may renew its secret, but not extend its own lifetime.
      if (wider && caller.kind === "token") {
        throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "tokens.impersonate" } });
      }
      const facts = { expireTime, expired, ...(wider && approvalOfWidened(current.token, current)) };
      // A caller that rotates a token with the token itself already holds it.
      const replacesHolders = command.graceMs === 0 && caller.kind !== "token";
      const hands = handsAfterRotation(current.token, namesOf(caller), replacesHolders);
      const details = { hint: minted.secret.hint, graceMs: String(command.graceMs) };
      return {
        facts: { ...facts, ...hands },
        newSecret: minted.secret,
        retire: retirements(current, command.graceMs, now),
        event: tokenEvent({ caller, time: now }, "token.rotated", current.token, facts, details),
        ...requestFor(text),
      };
    });
    return { snapshot: changed, secret: text };
  });
}

function requireCurrent({ token }: TokenSnapshot, secret: SecretId | undefined): void {
  if (currentSecret(token)?.id !== secret) throw rotatedMeanwhile();
}

/**
 * Refuses a call that had to wait, for a connection or for the row, while another call rotated the token, here or on
 * another replica. No two clocks are compared: the database measures the age of the secret. If its clock was set back,
 * the age is negative and is ignored.
 */
function requireNotRotatedSince(begin: number, { secretStoredMs }: TokenSnapshot): void {
  if (secretStoredMs !== undefined && secretStoredMs > begin && secretStoredMs <= performance.now()) {
    throw rotatedMeanwhile();
  }
}

/** Not ABORTED: a client that retries blindly would rotate the secret that another caller has just received. */
function rotatedMeanwhile(): Failure {
  return new Failure("STATE_CONFLICT", { metadata: { state: "ROTATED" } });
}

/** Returns the right that the caller needs. */
export function rightToRotate(caller: ManagingCaller): Right {
  return caller.kind === "token" ? "revoke" : "create";
}

/** Throws when the caller could not rotate the token with any lifetime. */
export function requireSomeRotation(caller: ManagingCaller, current: TokenSnapshot, now: Date): void {
  requireNotEnded(current, now);
  requireRotatable(caller, current, now);
  const { expireTime, notBefore } = current.token;
  // Every limit of a lifetime allows a shorter one too.
  const soonest = new Date(Math.max(now.getTime(), notBefore?.getTime() ?? 0) + 1_000);
  requireCompliance(caller, current, { ...current.token, expireTime: earlier(expireTime, soonest) }, now);
}

function requireCompliance(caller: ManagingCaller, current: TokenSnapshot, next: TokenRecord, now: Date): void {
  refuseExceeded([...exceededPolicies(current, next, { createTime: now }), ...exceededCeilings(caller, next, now)]);
}

function requireRotatable(caller: ManagingCaller, current: TokenSnapshot, now: Date): void {
  requireNotApprover(caller, current);
  if (caller.kind !== "token") return;
  // For example, a shop plugin renews its key without a person, and can do nothing else with it.
  const { token, subjects, policy } = current;
  const secret = token.secrets.find(({ id }) => id === caller.secretId);
  const usable =
    secret !== undefined &&
    usability(token, secret, subjects, now) === "ALLOWED" &&
    [token.allowedCidrs, policy.allowedCidrs ?? []].every((cidrs) => networkAllows(cidrs, caller.address));
  if (!usable || !token.selfRotate || !policy.allowSelfRotation) {
    throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "self_rotate" } });
  }
}

function requireNotApprover(caller: ManagingCaller, { token, policy }: TokenSnapshot): void {
  if (!policy.requireApproval || mayRotate(token.approval, namesOf(caller))) return;
  const because = "approved it, and may not be shown a secret of it";
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "rotate", because } });
}

function newExpiry({ token }: TokenSnapshot, lifetime: Lifetime, now: Date): Date | undefined {
  if (lifetime.kind === "default") return token.expireTime;
  const expiry = resolveExpiry({ lifetime, now, defaultLifetimeMs: 0, notBefore: token.notBefore });
  if (expiry.ok) return expiry.expireTime;
  throw new Failure("INVALID_FIELD", { violations: [{ field: expiry.field, description: expiry.description }] });
}

function retirements({ token }: TokenSnapshot, graceMs: number, now: Date): NonNullable<TokenChange["retire"]> {
  const end = new Date(Math.min(now.getTime() + graceMs, token.expireTime?.getTime() ?? Number.POSITIVE_INFINITY));
  // All secrets without the flag, even if they have ended by our clock: by another replica's they may be valid.
  return token.secrets
    .filter(({ ended }) => !ended)
    .map(({ id, retireTime }, index) => {
      const time = earlier(retireTime, index < liveSecrets - 1 ? end : now);
      return { id, time, ended: time <= now };
    });
}
