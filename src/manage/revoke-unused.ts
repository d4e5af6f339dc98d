import { changes, newAuditEvent } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import type { PolicyStore } from "../domain/policy-store.js";
import { organizationOf, type TokenRecord } from "../domain/token.js";
import type { TokenStore } from "../domain/token-store.js";
import { tokensUnder } from "./policies.js";

export interface RevokeUnusedOptions {
  readonly policies: Pick<PolicyStore, "listWithUnusedLimit">;
  readonly store: Pick<TokenStore, "revokeAll">;
  readonly clock: Clock;
}

/** The most tokens of one transaction. */
const revokedTogether = 500;

/**
 * Revokes the tokens that were not used for as long as one of their policies says, and returns how many. Call it every
 * few minutes, on any number of processes: each token is revoked by one of them. Both policies of a token are applied,
 * so the stricter one decides.
 */
export async function revokeUnused({ policies, store, clock }: RevokeUnusedOptions): Promise<number> {
  let revoked = 0;
  for (const { scope, policy } of await policies.listWithUnusedLimit()) {
    const { revokeUnusedAfterMs } = policy;
    if (revokeUnusedAfterMs === undefined) continue;
    const time = clock.now();
    const revocation = { time, by: "system", reason: "UNUSED" as const };
    const eventOf = (token: TokenRecord) =>
      newAuditEvent({
        time,
        actor: "system",
        action: "token.revoked",
        subject: token.subject,
        tokenId: token.id,
        organization: organizationOf(token),
        details: { ...changes({}, { revocation }), policy: scope },
      });
    const filter = {
      ...tokensUnder(scope),
      // A pending token cannot be used yet, and the others have ended.
      states: ["ACTIVE", "SUSPENDED"] as const,
      unusedSince: new Date(time.getTime() - revokeUnusedAfterMs),
    };
    let count: number;
    do {
      ({ count } = await store.revokeAll(filter, revocation, { limit: revokedTogether }, time, eventOf));
      revoked += count;
    } while (count === revokedTogether);
  }
  return revoked;
}
