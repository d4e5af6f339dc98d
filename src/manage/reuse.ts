import { changes, newAuditEvent } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import { organizationOf, type SecretId, type TokenRecord } from "../domain/token.js";
import type { ResolvedToken, TokenChange, TokenStore } from "../domain/token-store.js";

export interface ReuseDetectorOptions {
  readonly store: Pick<TokenStore, "change">;
  readonly clock: Clock;
  /** Called with what failed. */
  readonly onFailure: (error: unknown) => void;
  /** Called for each reuse that is reported: once per secret and hour. */
  readonly onReuse: (reused: ResolvedToken) => void;
}

const windowMs = 3_600_000;
/** The most secrets that are remembered. Beyond this the oldest are forgotten, and their reuse is reported again. */
const maxRemembered = 100_000;

/** Returns the revocation that the policy requires. */
function revokeForReuse(token: TokenRecord, time: Date): TokenChange {
  const facts = { revocation: { time, by: "system", reason: "REUSE_DETECTED" as const } };
  const details = changes({}, facts);
  const event = newAuditEvent({
    time,
    actor: "system",
    action: "token.revoked",
    subject: token.subject,
    tokenId: token.id,
    organization: organizationOf(token),
    details,
  });
  return { facts, event };
}

/**
 * Detects the use of superseded secrets: a key that somebody kept, or stole before it was rotated. Runs outside the
 * request path, after the Check was refused. Revokes the token when the policy says so. The use of an expired or
 * revoked token is never "reuse".
 */
export class ReuseDetector {
  readonly #options: ReuseDetectorOptions;
  readonly #reported = new Map<SecretId, number>();

  constructor(options: ReuseDetectorOptions) {
    this.#options = options;
  }

  notice(reused: ResolvedToken): void {
    const now = this.#options.clock.now().getTime();
    const { secretId: id } = reused;
    const last = this.#reported.get(id);
    if (last !== undefined && now - last < windowMs) return;
    this.#reported.delete(id);
    this.#reported.set(id, now);
    const [oldest] = this.#reported.keys();
    if (this.#reported.size > maxRemembered && oldest) this.#reported.delete(oldest);
    this.#options.onReuse(reused);
    if (reused.policy.revokeOnReuse) void this.#revoke(reused);
  }

  async #revoke({ id, secretId }: ResolvedToken): Promise<void> {
    const { store, clock, onFailure } = this.#options;
    try {
      await store.change(id, (current) =>
        // The policy may have been relaxed meanwhile.
        current.token.revocation || !current.policy.revokeOnReuse
          ? undefined
          : revokeForReuse(current.token, clock.now()),
      );
    } catch (error) {
      // So that the reuse is reported again at the next use.
      this.#reported.delete(secretId);
      onFailure(error);
    }
  }
}
