import { actorOf, admitsSubject, type Caller, ceilingsOf } from "../access/caller.js";
import type { Clock } from "../check/clock.js";
import { Failure } from "../failure/failure.js";
import type { SubjectName } from "../identifier/identifier.js";
import type { StoredSubject, SubjectStore } from "../store/subject-store.js";

export interface SubjectsOptions {
  readonly subjects: SubjectStore;
  readonly clock: Clock;
}

/** A subject, with how many tokens its removal would stop. */
export interface SubjectView extends StoredSubject {
  readonly liveTokens: number;
}

export async function getSubject(options: SubjectsOptions, caller: Caller, name: SubjectName): Promise<SubjectView> {
  requireAdmitted(caller, name);
  return view(options, await options.subjects.get(name));
}

/** Refuses all its tokens and those bound to it, and keeps them. Repeating it changes nothing. */
export function disableSubject(options: SubjectsOptions, caller: Caller, name: SubjectName): Promise<SubjectView> {
  return change(options, caller, name, ({ state, generation }) => {
    if (state === "DELETED") throw new Failure("SUBJECT_STATE", { metadata: { state } });
    return state === "DISABLED" ? undefined : { state: "DISABLED", generation };
  });
}

/** Lets a disabled subject's tokens work again; a deleted one starts another generation, without its old tokens (RV-18). */
export function enableSubject(options: SubjectsOptions, caller: Caller, name: SubjectName): Promise<SubjectView> {
  return change(options, caller, name, ({ state, generation }) =>
    state === "ACTIVE" ? undefined : { state: "ACTIVE", generation: state === "DELETED" ? generation + 1 : generation },
  );
}

/** Revokes all its tokens and those bound to it, for good, in the same transaction. Repeating it changes nothing. */
export function deleteSubject(options: SubjectsOptions, caller: Caller, name: SubjectName): Promise<SubjectView> {
  const time = options.clock.now();
  return change(options, caller, name, ({ state, generation }) =>
    state === "DELETED"
      ? undefined
      : { state: "DELETED", generation, revocation: { by: actorOf(caller), reason: "SUBJECT_DELETED", time } },
  );
}

async function change(
  options: SubjectsOptions,
  caller: Caller,
  name: SubjectName,
  decide: Parameters<SubjectStore["change"]>[2],
): Promise<SubjectView> {
  requireAdmitted(caller, name);
  return view(options, await options.subjects.change(name, options.clock.now(), decide));
}

async function view({ subjects, clock }: SubjectsOptions, subject: StoredSubject): Promise<SubjectView> {
  return { ...subject, liveTokens: await subjects.countLiveTokens(subject.name, clock.now()) };
}

function requireAdmitted(caller: Caller, name: SubjectName): void {
  if (!admitsSubject(ceilingsOf(caller), name)) {
    throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "subjects", limit: "subjects" } });
  }
}
