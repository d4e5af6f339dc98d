import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  type ExplainTokenRequest,
  type ExplainTokenResponse,
  ExplainTokenResponseSchema,
  Step_Kind,
  Step_Result,
  type StepSchema,
} from "#gen/patwarden/v1/self_pb.js";
import type { ExplainedStep, ExplainQuestion, Explanation } from "../check/explain-token.js";
import { parseAttempt } from "../check/question.js";
import { Failure } from "../domain/errors.js";
import { parseAction, parseResource } from "../domain/identifier.js";
import { parseTokenId } from "../domain/ids.js";
import { parseAddress } from "../domain/network.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import type { TokenId } from "../domain/token.js";
import { Violations } from "./violations.js";

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

/** Renders an explanation. */
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
