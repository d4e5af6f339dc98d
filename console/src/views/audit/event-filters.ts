import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { addDays, endOfDay, parseDay } from "../../app/local-day.js";
import type { AdministrationWords } from "../../words/administration.js";

/** A group of actions that a list can be limited to. */
export type EventGroup = keyof AdministrationWords["audit"]["groups"];

/** The actions of each group, as AuditEvent names them. */
export const actionsOf: Readonly<Record<EventGroup, readonly string[]>> = {
  made: ["token.created"],
  changed: ["token.updated", "token.rotated"],
  approval: ["token.approved", "token.denied"],
  stopped: ["token.suspended", "token.resumed"],
  ended: ["token.revoked", "secret.revoked"],
  subjects: ["subject.disabled", "subject.enabled", "subject.deleted"],
  policies: ["policy.changed", "policy.loosened"],
  alarms: ["token.reused", "access.refused"],
};

/** The filters of a list of events, as the route has them; empty means none. */
export interface EventFilters {
  readonly group: string;
  readonly actor: string;
  /** A token's id, or a subject. */
  readonly about: string;
  /** First and last day, `2026-03-29`, in the user's zone. */
  readonly from: string;
  readonly to: string;
}

/** The fields of ListAuditEventsRequest that filters set. A group or day that is not valid sets nothing. */
export function requestOf({ group, actor, about, from, to }: EventFilters, zone: string) {
  const [first, last] = [parseDay(from), parseDay(to)];
  // A day begins when the one before has ended.
  const after = (day: typeof first, days: number) =>
    day && timestampFromDate(new Date(endOfDay(addDays(day, days), zone).getTime() + 1000));
  const [startTime, endTime] = [after(first, -1), after(last, 0)];
  return {
    actor,
    ...(about.startsWith("tok_") ? { tokenId: about } : about !== "" && { subject: about }),
    ...(Object.hasOwn(actionsOf, group) && { actions: [...actionsOf[group as EventGroup]] }), // checked just before
    ...(startTime && { startTime }),
    ...(endTime && { endTime }),
  };
}
