import { Failure, type FieldViolation } from "../domain/errors.js";
import { type Parsed, parseAction, parseResource, typeOf } from "../domain/identifier.js";
import { parseAddress } from "../domain/network.js";
import type { AuthorizationModel, Consistency } from "../domain/permission-checker.js";
import type { Attempt } from "./judge.js";

/** A well-formed question whose type and action the model knows. */
export interface CheckQuestion extends Attempt {
  /** As the bearer sent it; not yet looked at. */
  readonly token: string;
  readonly consistency: Consistency;
  /** What an allowed Check is billed as. Undefined: one. 0: not billed. */
  readonly usageUnits: number | undefined;
  /** Units of the same id are billed once a day; empty: no id. */
  readonly usageId: string;
}

/** What is attempted, as it arrives. */
export interface RawAttempt {
  readonly resource: string;
  readonly action: string;
  /** Empty: not known. */
  readonly clientIp: string;
}

/** The fields of a Check as they arrive. */
export interface RawQuestion extends RawAttempt {
  readonly token: string;
  readonly consistency: Consistency | undefined;
  readonly usageUnits: number | undefined;
  readonly usageId: string;
}

const mostUnits = 1_000_000;
/** What may be stored and shown as it is. */
const usageIdPattern = /^[\x21-\x7e]{0,128}$/;

/**
 * Validates a question before anything is decided, without I/O. All violations are told at once; an unknown type or action is told only for a
 * question that is otherwise well formed.
 */
export function parseQuestion(raw: RawQuestion, model: AuthorizationModel): CheckQuestion | Failure {
  const { token, usageUnits, usageId } = raw;
  const violations: FieldViolation[] = [];
  if (token === "") violations.push({ field: "token", description: "is required" });
  if (usageUnits !== undefined && (usageUnits < 0 || usageUnits > mostUnits)) {
    violations.push({ field: "context.usage_units", description: "must be 0 to 1,000,000" });
  }
  if (!usageIdPattern.test(usageId)) {
    violations.push({ field: "context.usage_id", description: "must be up to 128 visible ASCII characters" });
  }
  if (raw.consistency === undefined) violations.push({ field: "consistency", description: "is not a known value" });
  const attempt = parseAttempt(raw, model, violations);
  if (attempt instanceof Failure) return attempt;
  const { resource, action, clientAddress } = attempt;
  const consistency = raw.consistency as Consistency; // a violation otherwise
  return { token, resource, action, clientAddress, consistency, usageUnits, usageId };
}

/** The part of a question that does not depend on who asks: a subject may be asked about by name. `besides` is what else is wrong with it. */
export function parseAttempt(
  raw: RawAttempt,
  model: AuthorizationModel,
  besides: readonly FieldViolation[] = [],
): Attempt | Failure {
  const violations = [...besides];
  const take = <T>(field: string, parsed: Parsed<T>): T | undefined => {
    if (parsed.ok) return parsed.value;
    violations.push({ field, description: parsed.problem });
    return undefined;
  };
  const resource = take("resource", parseResource(raw.resource));
  const action = take("action", parseAction(raw.action));
  const clientAddress = raw.clientIp === "" ? undefined : take("context.client_ip", parseAddress(raw.clientIp));
  if (violations.length > 0 || resource === undefined || action === undefined) {
    return new Failure("INVALID_FIELD", { violations });
  }
  const type = typeOf(resource);
  if (!model.hasType(type)) {
    return new Failure("UNKNOWN_TYPE", {
      violations: [{ field: "resource", description: "its type is not in the authorization model" }],
    });
  }
  if (!model.hasAction(type, action)) {
    return new Failure("UNKNOWN_ACTION", {
      violations: [
        { field: "action", description: "is not a relation of the resource's type in the authorization model" },
      ],
    });
  }
  return { resource, action, clientAddress };
}
