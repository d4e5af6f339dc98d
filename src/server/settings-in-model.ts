import { unknownAction, unknownAnywhere, unknownType } from "../check/question.js";
import type { Config } from "../config/config.js";
import type { Problem } from "../config/problem.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { catalogOutsideModel, withoutWords } from "../self/catalog.js";

/** Returns the keys of `integrations.routes` whose type or action the model does not have. Their requests fail. */
export function routesOutsideModel(
  { integrations }: Pick<Config, "integrations">,
  model: AuthorizationModel,
): readonly Problem[] {
  return integrations.routes.flatMap(({ resource, action }, index) => {
    const type = resource.slice(0, resource.indexOf(":"));
    const at = (field: string, problem: string) => [{ key: `integrations.routes[${index}].${field}`, problem }];
    // The type is a part of the path.
    if (type.includes("{")) return model.hasActionAnywhere(action) ? [] : at("action", unknownAnywhere(action, model));
    if (!model.hasType(type)) return at("resource", unknownType(type, model));
    return model.hasAction(type, action) ? [] : at("action", unknownAction(type, action, model));
  });
}

/** Returns the keys of `subjects` whose type the model admits nowhere. Tokens of such subjects are refused. */
export function subjectsOutsideModel(
  { subjects }: Pick<Config, "subjects">,
  model: AuthorizationModel,
): readonly (Problem & { readonly kind: "user" | "organization" })[] {
  return (["user", "organization"] as const).flatMap((kind) => {
    const type = subjects[kind];
    if (model.admits(type)) return [];
    const problem = `no relation of the authorization model admits type ${type} directly, so tokens of ${kind}s are refused`;
    return [{ kind, key: `subjects.${kind}_type`, problem }];
  });
}

/** Returns the keys of `catalog` that the model does not have or that can never allow anything. */
export function catalogOutside(
  { catalog, subjects }: Pick<Config, "catalog" | "subjects">,
  model: AuthorizationModel,
): readonly Problem[] {
  return catalog ? catalogOutsideModel(catalog, model, subjects) : [];
}

/** Returns a warning that lists the types and actions without words. Undefined: all have some, or none is wanted. */
export function missingWords(
  { catalog, subjects }: Pick<Config, "catalog" | "subjects">,
  model: AuthorizationModel,
): string | undefined {
  const names = catalog ? withoutWords(catalog, model, subjects) : [];
  return names.length === 0 ? undefined : `catalog has no label for ${names.join(", ")}; pages show these names`;
}
