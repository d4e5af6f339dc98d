import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  type ExplainTokenRequest,
  type ExplainTokenResponse,
  ExplainTokenResponseSchema,
  type ListReachableRequest,
  Step_Kind,
  Step_Result,
  type StepSchema,
} from "#gen/patwarden/v1/self_pb.js";
import type { Caller } from "../callers/caller.js";
import type { ExplainedStep, ExplainQuestion, Explanation } from "../check/explain-token.js";
import { parseAttempt } from "../check/question.js";
import { Failure } from "../domain/errors.js";
import { parseAction, parseResource, type SubjectTypes } from "../domain/identifier.js";
import { parseTokenId } from "../domain/ids.js";
import { parseAddress } from "../domain/network.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { checkText } from "../domain/text.js";
import type { TokenId } from "../domain/token.js";
import { subjectOr } from "../manage/rules/new-token.js";
import type { ReachableQuery } from "../self/list-reachable.js";
import { requireInModel } from "./authorization.js";
import { takeGrant, takeSubject } from "./token-request.js";
import { Violations } from "./violations.js";

const maxQuery = 100;

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
  violations.check("query", checkText(query, { max: maxQuery }));
  const pageSize = violations.takePageSize(request.pageSize);
  const fields = violations.settle({ action, grant });
  requireInModel(model(), type, fields.action);
  return {
    of: id ? { kind: "token", id } : { kind: "subject", subject: subjectOr(caller, subject), grant: fields.grant },
    ...{ type, action: fields.action, query, pageSize, pageToken },
  };
}

/** Parses the request of ExplainToken. Throws INVALID_FIELD with all violations, UNKNOWN_TYPE or UNKNOWN_ACTION. */
export function parseExplainToken(
  { tokenId, resource, action, clientIp }: ExplainTokenRequest,
  model: () => AuthorizationModel,
): { readonly id: TokenId; readonly question: Omit<ExplainQuestion, "onlyWithinToken"> } {
  const violations = new Violations();
  const id = violations.take("token_id", parseTokenId(tokenId));
  const clientAddress = clientIp === "" ? undefined : violations.take("client_ip", parseAddress(clientIp));
  const whole = resource !== "" || action !== "";
  if (whole) {
    violations.take("resource", parseResource(resource));
    violations.take("action", parseAction(action));
  }
  const fields = violations.settle({ id });
  // Both are well-formed, so only the model can refuse them.
  const attempt = whole ? parseAttempt({ resource, action, clientIp }, model()) : undefined;
  if (attempt instanceof Failure) throw attempt;
  return { id: fields.id, question: { attempt, clientAddress } };
}

export function explanationMessage({ reason, steps }: Explanation): ExplainTokenResponse {
  return create(ExplainTokenResponseSchema, {
    ...(reason && { reason: Reason[reason] }),
    steps: steps.map(stepMessage),
  });
}

function stepMessage(step: ExplainedStep): MessageInitShape<typeof StepSchema> {
  const { kind, result } = step;
  return {
    kind: Step_Kind[kind],
    result: Step_Result[result],
    ...(result === "REFUSED" && { reason: Reason[step.reason], blockedBy: [...(step.blockedBy ?? [])] }),
  };
}
