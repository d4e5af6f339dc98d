import { unknownAction, unknownAnywhere, unknownType } from "../check/question.js";
import type { Config } from "../config/config.js";
import type { Problem } from "../config/problem.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";

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
