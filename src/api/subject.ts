import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  DeleteSubjectResponseSchema,
  DisableSubjectResponseSchema,
  EnableSubjectResponseSchema,
  GetSubjectResponseSchema,
  type Subject,
  Subject_State,
  SubjectSchema,
  type SubjectService,
} from "#gen/patwarden/v1/subject_pb.js";
import { Failure } from "../domain/errors.js";
import { parseSubject, type SubjectName } from "../domain/identifier.js";
import {
  deleteSubject,
  disableSubject,
  enableSubject,
  getSubject,
  type SubjectsOptions,
  type SubjectView,
} from "../manage/subjects.js";
import type { GuardedHandlers } from "./guard.js";
import { Violations } from "./violations.js";

/** Returns the handlers of SubjectService. */
export function subjectService(options: SubjectsOptions): GuardedHandlers<typeof SubjectService> {
  const named = ({ subject }: { readonly subject: string }): SubjectName => {
    const violations = new Violations();
    return violations.settle({ parsed: violations.take("subject", parseSubject(subject, options.subjectTypes)) }).parsed
      .name;
  };
  return {
    getSubject: async (request, { caller }) =>
      create(GetSubjectResponseSchema, { subject: render(await getSubject(options, caller, named(request))) }),
    listSubjects: async () => {
      throw new Failure("INTERNAL");
    },
    disableSubject: async (request, { caller }) =>
      create(DisableSubjectResponseSchema, { subject: render(await disableSubject(options, caller, named(request))) }),
    enableSubject: async (request, { caller }) =>
      create(EnableSubjectResponseSchema, { subject: render(await enableSubject(options, caller, named(request))) }),
    deleteSubject: async (request, { caller }) =>
      create(DeleteSubjectResponseSchema, { subject: render(await deleteSubject(options, caller, named(request))) }),
  };
}

function render({ name, state, generation, updateTime, liveTokens }: SubjectView): Subject {
  return create(SubjectSchema, {
    subject: name,
    state: Subject_State[state],
    ...(updateTime && { updateTime: timestampFromDate(updateTime) }),
    liveTokens,
    generation,
  });
}
