import type { Grant } from "#gen/patwarden/v1/token_pb.js";
import type { Catalog } from "../../app/grant-text.js";

/** A question of ListReachable. */
export interface ReachQuestion {
  readonly type: string;
  readonly action: string;
}

/** Returns the types and actions to ask for what a grant reaches: at most `most`, those of its rules in their order. */
export function reachQuestions(
  grant: Grant | undefined,
  catalog: Catalog | undefined,
  most: number,
): { readonly questions: readonly ReachQuestion[]; readonly more: boolean } {
  const types = catalog?.types ?? [];
  const actionsOf = (type: string) =>
    types.find((known) => known.type === type)?.actions.map(({ action }) => action) ?? [];
  const all = grant?.full
    ? types.flatMap(({ type }) => actionsOf(type).map((action) => ({ type, action })))
    : (grant?.rules ?? []).flatMap(({ actions, resources }) => {
        const named = [...new Set(resources.map((resource) => resource.split(":")[0] ?? ""))];
        const within = named.includes("*") ? types.map(({ type }) => type) : named;
        return within.flatMap((type) =>
          (actions.includes("*") ? actionsOf(type) : actions).map((action) => ({ type, action })),
        );
      });
  const once = all.filter(
    ({ type, action }, at) => all.findIndex((other) => other.type === type && other.action === action) === at,
  );
  return { questions: once.slice(0, most), more: once.length > most };
}
