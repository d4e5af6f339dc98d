import { actorOf, type ManagingCaller, viaOf } from "../callers/caller.js";
import { type AuditAction, type AuditEvent, changes, newAuditEvent } from "../domain/audit-event.js";
import type { TokenRecord } from "../domain/token.js";
import type { TokenFacts } from "../domain/token-store.js";

/** The part of an event that every change has: who, through which service, from where, when. */
export interface Occasion {
  readonly caller: ManagingCaller;
  readonly time: Date;
}

/** A change of a token, with what was before and is after. */
export function tokenEvent(
  { caller, time }: Occasion,
  action: AuditAction,
  token: Pick<TokenRecord, "id" | "subject"> & TokenFacts,
  facts: Partial<TokenFacts> = {},
  details: Readonly<Record<string, string>> = {},
): AuditEvent {
  const before = Object.fromEntries(Object.keys(facts).map((name) => [name, token[name as keyof TokenFacts]]));
  return newAuditEvent({
    ...whoAndWhence(caller),
    time,
    action,
    subject: token.subject,
    tokenId: token.id,
    details: { ...changes(before, facts), ...details, ...viaDetail(caller) },
  });
}

/** A change of something else than a token. */
export function changeEvent(
  { caller, time }: Occasion,
  action: AuditAction,
  subject: string | undefined,
  details: Readonly<Record<string, string>>,
): AuditEvent {
  return newAuditEvent({
    ...whoAndWhence(caller),
    time,
    action,
    subject,
    details: { ...details, ...viaDetail(caller) },
  });
}

/** Who, and from where. */
export function whoAndWhence(caller: ManagingCaller): {
  readonly actor: string;
  readonly clientIp: string | undefined;
} {
  return { actor: actorOf(caller), clientIp: caller.from };
}

function viaDetail(caller: ManagingCaller): Readonly<Record<string, string>> {
  const via = viaOf(caller);
  return via === undefined ? {} : { via };
}
