import { changeEvent, tokenEvent } from "../audit/change-event.js";
import { actorOf, admitsSubject, ceilingsOf, type ManagingCaller } from "../callers/caller.js";
import { requireStepUp } from "../callers/step-up.js";
import { type AuditAction, changes } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { type SubjectName, type SubjectTypes, typeOf } from "../domain/identifier.js";
import type { StoredSubject, SubjectChange, SubjectStore, SubjectWithTokens } from "../domain/subject-store.js";
import type { TokenRecord } from "../domain/token.js";
import { afterChange } from "./rules/after-change.js";

export interface SubjectsOptions {
  readonly subjects: Pick<SubjectStore, "get" | "change" | "countLiveTokens">;
  readonly clock: Clock;
  readonly subjectTypes: SubjectTypes;
}

export async function getSubject(
  options: SubjectsOptions,
  caller: ManagingCaller,
  name: SubjectName,
): Promise<SubjectWithTokens> {
  requireAdmitted(caller, name);
  return view(options, await options.subjects.get(name));
}

/** Disables a subject: its tokens and those bound to it are refused but kept. Repeating it changes nothing. */
export function disableSubject(
  options: SubjectsOptions,
  caller: ManagingCaller,
  name: SubjectName,
): Promise<SubjectWithTokens> {
  return change(options, caller, name, "subject.disabled", ({ state, generation }) => {
    if (state === "DELETED") throw new Failure("SUBJECT_STATE", { metadata: { state } });
    return state === "DISABLED" ? undefined : { state: "DISABLED", generation };
  });
}

/**
 * Enables a subject. The tokens of a disabled subject work again; a deleted subject starts a new generation without its
 * old tokens (RV-18).
 */
export function enableSubject(
  options: SubjectsOptions,
  caller: ManagingCaller,
  name: SubjectName,
): Promise<SubjectWithTokens> {
  return change(options, caller, name, "subject.enabled", ({ state, generation }, time) => {
    if (state === "ACTIVE") return undefined;
    requireStepUp(caller, time);
    return { state: "ACTIVE", generation: state === "DELETED" ? generation + 1 : generation };
  });
}

/**
 * Deletes a subject and, in the same transaction, revokes its tokens and those bound to it. A repeat changes nothing.
 */
export function deleteSubject(
  options: SubjectsOptions,
  caller: ManagingCaller,
  name: SubjectName,
): Promise<SubjectWithTokens> {
  return change(options, caller, name, "subject.deleted", ({ state, generation }, time) => {
    if (state === "DELETED") return undefined;
    const revocation = { by: actorOf(caller), reason: "SUBJECT_DELETED" as const, time };
    const eventOf = (token: TokenRecord) =>
      tokenEvent({ caller, time }, "token.revoked", token, { revocation }, { deleted: name });
    return { state: "DELETED", generation, revocation: { ...revocation, eventOf } };
  });
}

async function change(
  options: SubjectsOptions,
  caller: ManagingCaller,
  name: SubjectName,
  action: AuditAction,
  decide: (current: StoredSubject, time: Date) => Omit<SubjectChange, "event"> | undefined,
): Promise<SubjectWithTokens> {
  requireAdmitted(caller, name);
  const time = options.clock.now();
  const changed = await options.subjects.change(name, time, (current) => {
    const next = decide(current, time);
    if (!next) return undefined;
    const { state, generation } = next;
    const before = { state: current.state, generation: current.generation };
    const organization = typeOf(name) === options.subjectTypes.organization ? name : undefined;
    const about = { subject: name, organization };
    const event = changeEvent({ caller, time }, action, about, changes(before, { state, generation }));
    return { ...next, event };
  });
  return afterChange(() => view(options, changed));
}

async function view({ subjects, clock }: SubjectsOptions, subject: StoredSubject): Promise<SubjectWithTokens> {
  return { ...subject, liveTokens: await subjects.countLiveTokens(subject.name, clock.now()) };
}

function requireAdmitted(caller: ManagingCaller, name: SubjectName): void {
  if (!admitsSubject(ceilingsOf(caller), name)) {
    throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "subjects", limit: "subjects" } });
  }
}
