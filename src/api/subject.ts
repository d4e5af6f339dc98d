import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  DeleteSubjectResponseSchema,
  DisableSubjectResponseSchema,
  EnableSubjectResponseSchema,
  GetSubjectResponseSchema,
  type ListSubjectsRequest,
  ListSubjectsResponseSchema,
  type Subject,
  Subject_State,
  SubjectSchema,
  type SubjectService,
} from "#gen/patwarden/v1/subject_pb.js";
import { parseSubject, type SubjectName } from "../domain/identifier.js";
import { containsSecret } from "../domain/secret.js";
import { subjectStates } from "../domain/subject-state.js";
import type { SubjectWithTokens } from "../domain/subject-store.js";
import { type ListSubjectsOptions, type ListSubjectsQuery, listSubjects } from "../manage/list-subjects.js";
import { deleteSubject, disableSubject, enableSubject, getSubject, type SubjectsOptions } from "../manage/subjects.js";
import { takeEnums } from "./fields.js";
import type { GuardedHandlers } from "./guard.js";
import { Violations } from "./violations.js";

export type SubjectServiceOptions = SubjectsOptions & ListSubjectsOptions;

/** Returns the handlers of SubjectService. */
export function subjectService(options: SubjectServiceOptions): GuardedHandlers<typeof SubjectService> {
  const named = ({ subject }: { readonly subject: string }): SubjectName => {
    const violations = new Violations();
    return violations.settle({ parsed: violations.take("subject", parseSubject(subject, options.subjectTypes)) }).parsed
      .name;
  };
  return {
    getSubject: async (request, { caller }) =>
      create(GetSubjectResponseSchema, { subject: render(await getSubject(options, caller, named(request))) }),
    listSubjects: async (request, { caller }) => {
      const { subjects, nextPageToken } = await listSubjects(options, caller, parseListSubjects(request));
      return create(ListSubjectsResponseSchema, { subjects: subjects.map(render), nextPageToken });
    },
    disableSubject: async (request, { caller }) =>
      create(DisableSubjectResponseSchema, { subject: render(await disableSubject(options, caller, named(request))) }),
    enableSubject: async (request, { caller }) =>
      create(EnableSubjectResponseSchema, { subject: render(await enableSubject(options, caller, named(request))) }),
    deleteSubject: async (request, { caller }) =>
      create(DeleteSubjectResponseSchema, { subject: render(await deleteSubject(options, caller, named(request))) }),
  };
}

/** The beginning of a name, as `parseSubject` accepts names. */
const beginning = /^[A-Za-z0-9_\-./@+=~|:]{0,256}$/;

function parseListSubjects({ prefix, states, pageSize, pageToken }: ListSubjectsRequest): ListSubjectsQuery {
  const violations = new Violations();
  if (!beginning.test(prefix)) {
    violations.add("prefix", "must be the beginning of a subject, such as user:al, of at most 256 characters");
  } else if (containsSecret(prefix)) {
    violations.add("prefix", "must not contain the secret of a token or service key");
  }
  const stateOf = (state: Subject_State) => subjectStates.find((each) => Subject_State[each] === state);
  const known = takeEnums(violations, "states", states, stateOf, "a known state");
  const size = violations.takePageSize(pageSize);
  violations.settle({});
  return { filter: { prefix, ...(known.length > 0 && { states: known }) }, pageSize: size, pageToken };
}

function render({ name, state, generation, updateTime, liveTokens }: SubjectWithTokens): Subject {
  return create(SubjectSchema, {
    subject: name,
    state: Subject_State[state],
    ...(updateTime && { updateTime: timestampFromDate(updateTime) }),
    liveTokens,
    generation,
  });
}
