import type { ListReachableRequest } from "#gen/patwarden/v1/self_pb.js";
import type { Caller } from "../callers/caller.js";
import { parseAction, type SubjectTypes } from "../domain/identifier.js";
import { parseTokenId } from "../domain/ids.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { subjectOr } from "../manage/rules/new-token.js";
import type { ReachableQuery } from "../self/list-reachable.js";
import { requireInModel } from "./authorization.js";
import { checkQuery, takeGrant, takeSubject } from "./fields.js";
import { Violations } from "./violations.js";

/** Parses the request of ListReachable. Throws INVALID_FIELD with all violations, UNKNOWN_TYPE or UNKNOWN_ACTION. */
export function parseListReachable(
  request: ListReachableRequest,
  caller: Caller,
  model: () => AuthorizationModel,
  subjectTypes: SubjectTypes,
): ReachableQuery {
  const violations = new Violations();
  const { of, type, query, pageToken } = request;
  const subject = takeSubject(violations, "subject", of.case === "subject" ? of.value : "", subjectTypes);
  const id = of.case === "tokenId" ? violations.take("token_id", parseTokenId(of.value)) : undefined;
  if (of.case === "tokenId" && request.grant) {
    violations.add("grant", "must not be set together with token_id: a token has its own");
  }
  const grant = request.grant ? takeGrant(violations, request.grant) : ({ kind: "full" } as const);
  if (type === "") violations.add("type", "is required");
  const action = violations.take("action", parseAction(request.action));
  checkQuery(violations, query);
  const pageSize = violations.takePageSize(request.pageSize);
  const fields = violations.settle({ action, grant });
  requireInModel(model(), type, fields.action);
  return {
    of: id ? { kind: "token", id } : { kind: "subject", subject: subjectOr(caller, subject), grant: fields.grant },
    type,
    action: fields.action,
    query,
    pageSize,
    pageToken,
  };
}
