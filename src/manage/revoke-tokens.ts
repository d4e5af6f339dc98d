import { tokenEvent } from "../audit/change-event.js";
import { hasPermission } from "../callers/authorize.js";
import { actorOf, admitsAll, ceilingsOf, type ManagingCaller } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { requireStepUp } from "../callers/step-up.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import type { SubjectName } from "../domain/identifier.js";
import type { RevocationReason, TokenKind, TokenRecord } from "../domain/token.js";
import type { TokenFilter, TokenStore } from "../domain/token-store.js";

export interface RevokeTokensCommand {
  readonly target:
    | { readonly kind: "subject"; readonly subject: SubjectName; readonly tokenKind: TokenKind }
    | { readonly kind: "organization"; readonly organization: SubjectName }
    | { readonly kind: "everything" };
  readonly createdBefore: Date | undefined;
  readonly reason: RevocationReason;
  readonly validateOnly: boolean;
  /** Undefined means any number. */
  readonly expectedCount: number | undefined;
}

export interface RevokeTokensOptions {
  readonly store: Pick<TokenStore, "revokeAll" | "count">;
  readonly clock: Clock;
  readonly rights: Rights;
}

const notRevoked = ["ACTIVE", "PENDING_APPROVAL", "SUSPENDED", "EXPIRED", "DENIED"] as const;

/** Revokes all tokens of a target, or none, and returns how many. */
export async function revokeTokens(
  { store, clock, rights }: RevokeTokensOptions,
  caller: ManagingCaller,
  { target, createdBefore, reason, validateOnly, expectedCount }: RevokeTokensCommand,
): Promise<number> {
  await requireRight(rights, caller, target);
  const now = clock.now();
  const { subjects } = ceilingsOf(caller);
  const filter: TokenFilter = {
    states: notRevoked,
    ...(target.kind === "subject" && { subject: target.subject }),
    ...(target.kind === "organization" && { organization: target.organization }),
    ...(subjects && { subjects }),
    ...(createdBefore && { createdBefore }),
  };
  if (validateOnly) return store.count(filter, now);
  if (target.kind === "everything") requireStepUp(caller, now);
  const revocation = { by: actorOf(caller), reason, time: now };
  const eventOf = (token: TokenRecord) =>
    tokenEvent({ caller, time: now }, "token.revoked", token, { revocation }, { bulk: target.kind });
  const { count, done } = await store.revokeAll(filter, revocation, { expected: expectedCount }, now, eventOf);
  if (!done) {
    throw new Failure("POLICY_VIOLATION", {
      metadata: { field: "expected_count", limit: String(count), scope: "request" },
    });
  }
  return count;
}

async function requireRight(
  rights: Rights,
  caller: ManagingCaller,
  target: RevokeTokensCommand["target"],
): Promise<void> {
  switch (target.kind) {
    case "subject": {
      const owner = { subject: target.subject, organization: undefined, kind: target.tokenKind };
      if (await rights.rankOn(caller, owner, "revoke")) return;
      break;
    }
    case "organization":
      if (await rights.onOrganization(caller, target.organization, "revoke")) return;
      break;
    case "everything":
      if (hasPermission(caller, "tokens.revoke") && admitsAll(ceilingsOf(caller))) return;
  }
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "revoke" } });
}
