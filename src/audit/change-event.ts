import { actorOf, type ManagingCaller, viaOf } from "../callers/caller.js";
import { type AuditAction, type AuditEvent, changes, newAuditEvent } from "../domain/audit-event.js";
import type { SubjectName } from "../domain/identifier.js";
import { organizationOf, type TokenRecord } from "../domain/token.js";
import type { TokenFacts } from "../domain/token-store.js";

/** The caller and the time of a change: the facts that every event has. */
export interface Occasion {
  readonly caller: ManagingCaller;
  readonly time: Date;
}

/** Returns the event of a change of a token, with the values before and after it. */
export function tokenEvent(
  { caller, time }: Occasion,
  action: AuditAction,
  token: Pick<TokenRecord, "id" | "kind" | "subject" | "organization"> & TokenFacts,
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
    organization: organizationOf(token),
    details: { ...changes(before, facts), ...details, ...viaDetail(caller) },
  });
}

/** Returns the event of a change of something other than a token: of a subject, or of an organization's policy. */
export function changeEvent(
  { caller, time }: Occasion,
  action: AuditAction,
  about: { readonly subject?: string | undefined; readonly organization?: SubjectName | undefined },
  details: Readonly<Record<string, string>>,
): AuditEvent {
  return newAuditEvent({
    ...whoAndWhence(caller),
    time,
    action,
    ...about,
    details: { ...details, ...viaDetail(caller) },
  });
}

/** Returns the actor and the client address of an event. */
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
