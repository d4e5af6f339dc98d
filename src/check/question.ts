import { Failure, type FieldViolation } from "../domain/errors.js";
import { type Parsed, parseAction, parseResource, typeOf } from "../domain/identifier.js";
import { parseAddress } from "../domain/network.js";
import type { AuthorizationModel, Consistency } from "../domain/permission-checker.js";
import type { Attempt } from "./token-rules.js";

/** A well-formed question whose type and action the model knows. */
export interface CheckQuestion extends Attempt {
  /** The token as the bearer sent it, not checked yet. */
  readonly token: string;
  readonly consistency: Consistency;
  /** The units that an allowed Check is billed as. Undefined means one; 0 means not billed. */
  readonly usageUnits: number | undefined;
  /** Units of the same id are billed once a day. Empty means no id. */
  readonly usageId: string;
}

/** Action, resource and client address as they arrive. */
export interface RawAttempt {
  readonly resource: string;
  readonly action: string;
  /** Empty when it is not known. */
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
/** Visible ASCII, which can be stored and shown without escaping. */
const usageIdPattern = /^[\x21-\x7e]{0,128}$/;

/**
 * Validates a question, without I/O. All violations are reported at once; an unknown type or action only when the
 * question is otherwise valid.
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
  const consistency = raw.consistency as Consistency; // undefined would be a violation
  return { token, resource, action, clientAddress, consistency, usageUnits, usageId };
}

/**
 * Validates the part of a question that is the same for tokens and for subjects by name. `besides` are violations that
 * were found before.
 */
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
      violations: [{ field: "resource", description: unknownType(type, model) }],
    });
  }
  if (!model.hasAction(type, action)) {
    return new Failure("UNKNOWN_ACTION", {
      violations: [{ field: "action", description: unknownAction(type, action, model) }],
    });
  }
  return { resource, action, clientAddress };
}

/** Describes a type that the model does not have, with the types that it has. */
export function unknownType(type: string, { types }: Pick<AuthorizationModel, "types">): string {
  // Longer texts are not shown: they may be a secret that was sent by mistake. Every secret is longer than 50.
  const named = /^[\w-]{1,50}$/.test(type) ? `type ${type}` : "this type";
  return `${named} is not in the authorization model; there are: ${namesOf(types)}`;
}

/** Describes an action that the type does not have, with the actions that it has. */
export function unknownAction(
  type: string,
  action: string,
  { actionsOf }: Pick<AuthorizationModel, "actionsOf">,
): string {
  const known = namesOf(actionsOf(type));
  return `${action} is not a relation of type ${type} in the authorization model; there are: ${known}`;
}

/** Describes an action that no type has, with all actions of the model. */
export function unknownAnywhere(
  action: string,
  { types, actionsOf }: Pick<AuthorizationModel, "types" | "actionsOf">,
): string {
  const known = namesOf(new Set([...types].flatMap((type) => [...actionsOf(type)])));
  return `${action} is not a relation in the authorization model; there are: ${known}`;
}

const mostNames = 20;

function namesOf(all: ReadonlySet<string>): string {
  const names = [...all].slice(0, mostNames).join(", ");
  return all.size > mostNames ? `${names} and ${all.size - mostNames} more` : names || "none";
}
