import { expect, it } from "vitest";
import type { Config } from "../config/config.js";
import type { ActionName } from "../domain/identifier.js";
import { authorizationModel } from "../openfga/model.js";
import { routesOutsideModel } from "./settings-in-model.js";

const type = (name: string, ...relations: string[]) => ({
  type: name,
  relations: Object.fromEntries(relations.map((relation) => [relation, {}])),
});
const model = authorizationModel({
  id: "m",
  typeDefinitions: [type("user"), type("document", "viewer", "editor")],
} as unknown as Parameters<typeof authorizationModel>[0]); // only the names of types and relations are read

it.each([
  ["document:{id}", "viewer", undefined, ""],
  ["{type}:{id}", "editor", undefined, ""],
  [
    "document:{id}",
    "view",
    "action",
    "view is not a relation of type document in the authorization model; there are: viewer, editor",
  ],
  ["{type}:{id}", "view", "action", "view is not a relation in the authorization model; there are: viewer, editor"],
  ["docment:{id}", "viewer", "resource", "type docment is not in the authorization model; there are: user, document"],
])("a route to %s with %s: %s", (resource, action, field, problem) => {
  const right = { resource: "document:x", action: "viewer" };
  const routes = [right, { resource, action }].map((route) => ({
    ...{ path: "/", semicolons: false, preflights: false },
    ...{ resource: route.resource, action: route.action as ActionName },
  }));
  const integrations: Config["integrations"] = { routes };
  expect(routesOutsideModel({ integrations }, model)).toEqual(
    field === undefined ? [] : [{ key: `integrations.routes[1].${field}`, problem }],
  );
});
