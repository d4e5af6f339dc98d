import { tokenEvent } from "../audit/change-event.js";
import { type ManagingCaller, namesOf } from "../callers/caller.js";
import type { Right } from "../callers/rights.js";
import { handsAfterRotation, mayRotate } from "../domain/approval.js";
import { Failure } from "../domain/errors.js";
import { etagOf } from "../domain/etag.js";
import { earlier, type Lifetime, resolveExpiry } from "../domain/lifetime.js";
import { networkAllows } from "../domain/network.js";
import type { PepperRing } from "../domain/pepper.js";
import { usability } from "../domain/state.js";
import { currentSecret, type SecretId, type TokenId } from "../domain/token.js";
import type { RequestKey, TokenChange, TokenSnapshot } from "../domain/token-store.js";
import { type ChangeTokenOptions, changeToken, requireNotEnded } from "./rules/change-token.js";
import { requireCompliance, requireWithinCeilings } from "./rules/compliance.js";
import { type IdempotencyOptions, type Issued, once } from "./rules/idempotency.js";
import { mintSecret } from "./rules/mint-secret.js";
import { approvalOfWidened, widens } from "./rules/widening.js";

export interface RotateTokenCommand {
  /** How long the old secret goes on, milliseconds. */
  readonly graceMs: number;
  /** `default`: the end stays as it is. */
  readonly lifetime: Lifetime;
  /** The etag of the token as the caller saw it. Empty when any will do. */
  readonly etag: string;
  readonly request: RequestKey | undefined;
}

export interface RotateTokenOptions extends ChangeTokenOptions, IdempotencyOptions {
  readonly store: ChangeTokenOptions["store"] & IdempotencyOptions["store"];
  readonly peppers: PepperRing;
}

/** Two may live at a time: another rotation ends the older one at once. */
const liveSecrets = 2;

/**
 * A new secret for the same token. The old one goes on until its grace ends, never past its old end. Of several that
 * run at once one wins: the others would end the secret that it has just shown, and are refused.
 */
export async function rotateToken(
  options: RotateTokenOptions,
  caller: ManagingCaller,
  id: TokenId,
  command: RotateTokenCommand,
): Promise<Issued> {
  const begin = performance.now();
  const right: Right = caller.kind === "token" ? "revoke" : "create";
  // A repeat is told its secret only if it still has the right to it.
  const { snapshot } = await options.rights.require(options.store, caller, id, right);
  // A token replaces the secret that it shows, and no other.
  const replaced = caller.kind === "token" ? caller.secretId : currentSecret(snapshot.token)?.id;
  return once(options, command.request, options.clock.now(), async (requestFor) => {
    let text = "";
    const changed = await changeToken(options, caller, id, right, (current, now): TokenChange => {
      requireNotEnded(current, now);
      if (command.etag !== "" && command.etag !== etagOf(current.token)) throw new Failure("ETAG_MISMATCH");
      requireCurrent(current, replaced);
      requireNotRotatedSince(begin, current);
      requireRotatable(caller, current, now);
      requireNotApprover(caller, current);
      const minted = mintSecret(options.peppers, snapshot.token.kind, now);
      text = minted.text;
      const expireTime = newExpiry(current, command.lifetime, now);
      // A new end is in the future.
      const expired = command.lifetime.kind === "default" && current.token.expired;
      const next = { ...current.token, expireTime, expired };
      requireCompliance(current, next, minted.secret);
      requireWithinCeilings(caller, next, now);
      const wider = widens(current.token, next);
      // It renews its secret; a longer life is somebody else's to give.
      if (wider && caller.kind === "token") {
        throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "tokens.impersonate" } });
      }
      const facts = { expireTime, expired, ...(wider && approvalOfWidened(current.token, current)) };
      // Who rotates a token with the token itself holds it already.
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
 * A call that had to wait, for a connection or for the row, may read the token only after a call beside it has rotated
 * it, here or on another replica. No two clocks are compared: the database tells for how long it has had the secret. If
 * its clock was set back, that is no time at all.
 */
function requireNotRotatedSince(begin: number, { secretStoredMs }: TokenSnapshot): void {
  if (secretStoredMs !== undefined && secretStoredMs > begin && secretStoredMs <= performance.now()) {
    throw rotatedMeanwhile();
  }
}

/** No ABORTED: who repeats without a look would rotate what another has just been shown. */
function rotatedMeanwhile(): Failure {
  return new Failure("STATE_CONFLICT", { metadata: { state: "ROTATED" } });
}

function requireRotatable(caller: ManagingCaller, current: TokenSnapshot, now: Date): void {
  if (caller.kind !== "token") return;
  // A shop plugin renews its key without a person, and can do no more with it.
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
  // All that are not marked, also those whose time is over by our clock: by another replica's they may go on.
  return token.secrets
    .filter(({ ended }) => !ended)
    .map(({ id, retireTime }, index) => {
      const time = earlier(retireTime, index < liveSecrets - 1 ? end : now);
      return { id, time, ended: time <= now };
    });
}
