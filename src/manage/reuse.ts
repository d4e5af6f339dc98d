import { changes, newAuditEvent } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import type { SecretId, TokenRecord } from "../domain/token.js";
import type { ResolvedToken, TokenChange, TokenStore } from "../domain/token-store.js";

export interface ReuseDetectorOptions {
  readonly store: Pick<TokenStore, "change">;
  readonly clock: Clock;
  /** Called with what failed. */
  readonly onFailure: (error: unknown) => void;
  /** Called for each reuse that is reported, once a secret and hour. */
  readonly onReuse: (reused: ResolvedToken) => void;
}

const windowMs = 3_600_000;
/** Secrets remembered; beyond it the oldest are forgotten, and reported once more. */
const maxRemembered = 100_000;

/** What the policy asks for, without an order from anybody. */
function revokeForReuse(token: TokenRecord, time: Date): TokenChange {
  const facts = { revocation: { time, by: "system", reason: "REUSE_DETECTED" as const } };
  const details = changes({}, facts);
  const event = newAuditEvent({
    time,
    actor: "system",
    action: "token.revoked",
    subject: token.subject,
    tokenId: token.id,
    details,
  });
  return { facts, event };
}

/**
 * Notices the use of superseded secrets: a key that somebody kept, or stole before it was rotated. Off the request
 * path; the Check was refused already. Where the policy says so, the token is revoked. An expired or plainly revoked
 * token is never "reuse".
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

  async #revoke({ id }: ResolvedToken): Promise<void> {
    const { store, clock, onFailure } = this.#options;
    try {
      await store.change(id, (current) =>
        // The policy may have been relaxed meanwhile.
        current.token.revocation || !current.policy.revokeOnReuse
          ? undefined
          : revokeForReuse(current.token, clock.now()),
      );
    } catch (error) {
      // Reported again at the next use.
      this.#reported.clear();
      onFailure(error);
    }
  }
}
