import { unknownAction, unknownAnywhere, unknownType } from "../../check/question.js";
import { Failure, type FieldViolation } from "../../domain/errors.js";
import { mentions } from "../../domain/grant.js";
import type { AuthorizationModel } from "../../domain/permission-checker.js";
import type { Grant, Rule } from "../../domain/token.js";

/**
 * Refuses a grant that names a type or relation which the model does not have, and a grant that this kind of subject
 * could never use. Otherwise a typo, or an organization that no relation allows, would silently lead to NOT_PERMITTED
 * forever. An empty grant passes: such a token identifies itself.
 */
export function checkGrantAgainstModel(
  model: AuthorizationModel,
  subjectType: string,
  grant: Grant,
  grantPath = "grant",
): void {
  const unknownTypes: FieldViolation[] = [];
  const unknownActions: FieldViolation[] = [];
  for (const { field, type, action } of mentions(grant)) {
    const path = `${grantPath}.${field}`;
    if (action === undefined) {
      if (type !== undefined && !model.hasType(type)) {
        unknownTypes.push({ field: path, description: unknownType(type, model) });
      }
    } else if (type === undefined) {
      if (!model.hasActionAnywhere(action)) {
        unknownActions.push({ field: path, description: unknownAnywhere(action, model) });
      }
    } else if (model.hasType(type) && !model.hasAction(type, action)) {
      unknownActions.push({ field: path, description: unknownAction(type, action, model) });
    }
  }
  if (unknownTypes.length > 0) throw new Failure("UNKNOWN_TYPE", { violations: [...unknownTypes, ...unknownActions] });
  if (unknownActions.length > 0) throw new Failure("UNKNOWN_ACTION", { violations: unknownActions });
  if (!couldEverAllow(model, subjectType, grant)) {
    throw new Failure("SUBJECT_TYPE_NOT_IN_MODEL", { metadata: { type: subjectType } });
  }
}

/** Returns whether the model could allow this type of subject something of the grant. An empty grant counts too. */
export function couldEverAllow(model: AuthorizationModel, subjectType: string, grant: Grant): boolean {
  if (grant.kind === "full") return model.admits(subjectType);
  return grant.rules.length === 0 || grant.rules.some((rule) => ruleCouldAllow(model, subjectType, rule));
}

function ruleCouldAllow(model: AuthorizationModel, subjectType: string, rule: Rule): boolean {
  return rule.resources.some((resource) => {
    const types = resource === "*" ? [...model.types] : [resource.slice(0, resource.indexOf(":"))];
    return types.some((type) => {
      const actions = rule.actions.includes("*") ? [...model.actionsOf(type)] : rule.actions;
      return actions.some((action) => model.hasAction(type, action) && model.canHold(subjectType, type, action));
    });
  });
}
