import {
  type ActionName,
  isResourceWildcard,
  parseAction,
  parseResource,
  type ResourceName,
  typeOf,
} from "./identifier.js";
import type { Grant, Rule } from "./token.js";

/** A grant as received. With neither `full` nor rules, the token can only identify itself. */
export interface GrantInput {
  readonly full: boolean;
  readonly rules: readonly RuleInput[];
}

export interface RuleInput {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** `field` is relative to the grant: `rules[0].actions[1]`. */
export interface GrantViolation {
  readonly field: string;
  readonly description: string;
}

export type ParsedGrant =
  | { readonly ok: true; readonly grant: Grant }
  | { readonly ok: false; readonly violations: readonly GrantViolation[] };

const maxRules = 50;
const maxActions = 50;
const maxResources = 100;
const maxBytes = 16 * 1024;

/** Parses a grant. Refuses it as a whole and lists everything that is wrong; never drops a part silently. */
export function parseGrant({ full, rules }: GrantInput): ParsedGrant {
  if (full && rules.length > 0) return refused("rules", "must be empty when full is set");
  if (full) return { ok: true, grant: { kind: "full" } };
  if (rules.length > maxRules) return refused("rules", `must have at most ${maxRules} entries`);
  // Counting characters is enough: text that is not ASCII, and so has more bytes, is refused below.
  const length = rules.flatMap(({ actions, resources }) => [...actions, ...resources]).join("").length;
  if (length > maxBytes) return refused("rules", "must have at most 16 KiB, all actions and resources together");

  const violations = rules.flatMap(checkRule);
  if (violations.length > 0) return { ok: false, violations };
  // checkRule has parsed every entry, and parsing changes nothing.
  return {
    ok: true,
    grant: { kind: "rules", rules: rules.map(({ actions, resources }) => ({ actions, resources }) as Rule) },
  };
}

function checkRule({ actions, resources }: RuleInput, index: number): readonly GrantViolation[] {
  const field = `rules[${index}]`;
  if (actions.length === 1 && actions[0] === "*" && resources.length === 1 && resources[0] === "*") {
    return [{ field, description: "must not be * on *: use full to grant everything that the subject may do" }];
  }
  return [
    ...checkEntries(`${field}.actions`, actions, maxActions, actionProblem),
    ...checkEntries(`${field}.resources`, resources, maxResources, resourceProblem),
  ];
}

function checkEntries(
  field: string,
  entries: readonly string[],
  max: number,
  problemOf: (entry: string) => string | undefined,
): readonly GrantViolation[] {
  if (entries.length === 0 || entries.length > max) return [{ field, description: `must have 1 to ${max} entries` }];
  if (entries.length > 1 && entries.includes("*"))
    return [{ field, description: "must not have other entries beside *" }];
  return entries.flatMap((entry, index) => {
    const description = problemOf(entry);
    return description === undefined ? [] : [{ field: `${field}[${index}]`, description }];
  });
}

function actionProblem(entry: string): string | undefined {
  const parsed = parseAction(entry);
  return entry === "*" || parsed.ok ? undefined : `${parsed.problem}, or *`;
}

function resourceProblem(entry: string): string | undefined {
  const parsed = parseResource(entry);
  return isResourceWildcard(entry) || parsed.ok ? undefined : `${parsed.problem}; or type:*, or *`;
}

function refused(field: string, description: string): ParsedGrant {
  return { ok: false, violations: [{ field, description }] };
}

/** Returns whether the grant covers this action on this resource: a single rule must cover both. */
export function grantCovers(grant: Grant, action: ActionName, resource: ResourceName): boolean {
  return (
    grant.kind === "full" ||
    grant.rules.some(({ actions, resources }) => coversAction(actions, action) && coversResource(resources, resource))
  );
}

/** Returns the resources of a type on which the grant covers this action, or `any`. */
export function grantedResources(grant: Grant, action: ActionName, type: string): "any" | readonly ResourceName[] {
  if (grant.kind === "full") return "any";
  const named = new Set<ResourceName>();
  for (const { actions, resources } of grant.rules) {
    if (!coversAction(actions, action)) continue;
    for (const resource of resources) {
      if (resource === "*" || resource === `${type}:*`) return "any";
      if (!isResourceWildcard(resource) && typeOf(resource) === type) named.add(resource);
    }
  }
  return [...named];
}

/** Returns whether `outer` covers everything that `inner` covers. The authorization model is not considered. */
export function grantWithin(inner: Grant, outer: Grant): boolean {
  if (outer.kind === "full") return true;
  if (inner.kind === "full") return false;
  return inner.rules.every((rule) =>
    rule.resources.every((resource) => {
      // Several rules of `outer` may share the actions, but each of them must cover the whole resource or wildcard.
      const actions = outer.rules
        .filter(({ resources }) => coversResource(resources, resource))
        .flatMap((each) => each.actions);
      return rule.actions.every((action) => coversAction(actions, action));
    }),
  );
}

function coversAction(actions: Rule["actions"], action: ActionName | "*"): boolean {
  return actions.includes("*") || actions.includes(action);
}

function coversResource(resources: Rule["resources"], resource: Rule["resources"][number]): boolean {
  if (resources.includes("*") || resources.includes(resource)) return true;
  return resource !== "*" && resources.includes(`${typeOf(resource)}:*`);
}

/** Something that must exist in the model for the grant to make sense. */
export interface Mention {
  /** The path of the field, relative to the grant. */
  readonly field: string;
  /** Undefined when the action must exist on some type. */
  readonly type?: string;
  /** Undefined when only the type must exist. */
  readonly action?: string;
}

/** Yields every type of the grant, and every combination of a type and an action that must exist on it. */
export function* mentions(grant: Grant): Generator<Mention> {
  if (grant.kind === "full") return;
  for (const [index, { actions, resources }] of grant.rules.entries()) {
    const types = new Set<string>();
    for (const [position, resource] of resources.entries()) {
      if (resource === "*" || types.has(typeOf(resource))) continue;
      types.add(typeOf(resource));
      yield { field: `rules[${index}].resources[${position}]`, type: typeOf(resource) };
    }
    for (const [position, action] of actions.entries()) {
      if (action === "*") continue;
      const field = `rules[${index}].actions[${position}]`;
      if (types.size === 0) yield { field, action };
      for (const type of types) yield { field, type, action };
    }
  }
}
