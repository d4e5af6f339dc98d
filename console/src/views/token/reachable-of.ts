import type { Grant } from "#gen/patwarden/v1/token_pb.js";
import type { Catalog } from "../../app/grant-text.js";

/** The actions that a grant could allow, by type. */
export interface TypeActions {
  readonly type: string;
  readonly actions: readonly string[];
}

/** Returns the types and actions of a grant; `*` is all that the catalog has. Types without an action are left out. */
export function actionsOf(
  grant: Pick<Grant, "full" | "rules"> | undefined,
  catalog: Catalog | undefined,
): readonly TypeActions[] {
  const known = (catalog?.types ?? []).map(({ type, actions }) => ({
    type,
    actions: actions.map(({ action }) => action),
  }));
  if (!grant) return [];
  if (grant.full) return known;
  const found = new Map<string, Set<string>>();
  const add = (type: string, actions: readonly string[]) => {
    const all = found.get(type) ?? new Set();
    for (const action of actions) all.add(action);
    found.set(type, all);
  };
  for (const { actions, resources } of grant.rules) {
    for (const resource of resources) {
      const types = resource === "*" ? known.map(({ type }) => type) : [resource.split(":")[0] ?? ""];
      for (const type of types) {
        const own = known.find((one) => one.type === type)?.actions ?? [];
        // An action of a rule about all types need not exist in each.
        const named = resource === "*" ? actions.filter((action) => own.includes(action)) : actions;
        add(type, actions.includes("*") ? own : named);
      }
    }
  }
  return [...found]
    .map(([type, actions]) => ({ type, actions: [...actions] }))
    .filter(({ actions }) => actions.length > 0);
}
