import { grantWithin } from "./grant.js";
import { isResourceWildcard, type Parsed, parseAction, parseResource } from "./identifier.js";
import type { Grant, Rule } from "./token.js";

/*
 * A grant as a scope (RFC 6749 §3.3), words separated by one space: `full`, or `action:type:id`, `action:type` for
 * every id, `action:*` for every type, with `*` as the action for every action. An empty scope grants nothing.
 */

/** The longest scope, bytes. With more, a JWT would not fit into the headers that servers accept. */
const maxScopeBytes = 4096;

const malformed = "must be full, or words such as viewer:document:roadmap, viewer:document, viewer:*, one space apart";
const beyond = "must be within the grant of the token";
const tooLong = "must have at most 4 KiB; ask for less";

/** Returns every action of a rule with every resource, each word once. */
export function scopeOf(grant: Grant): string {
  if (grant.kind === "full") return "full";
  const words = grant.rules.flatMap(({ actions, resources }) =>
    actions.flatMap((action) => resources.map((resource) => `${action}:${resource.replace(/:\*$/, "")}`)),
  );
  return [...new Set(words)].join(" ");
}

/**
 * Returns the requested scope, each word once, if the grant contains all of it; without a request, the whole grant. The
 * scope is neither widened nor narrowed: one that is only partly within the grant is refused.
 */
export function scopeWithin(grant: Grant, requested: string | undefined): Parsed<string> {
  const scope = requested ?? scopeOf(grant);
  if (Buffer.byteLength(scope) > maxScopeBytes) return { ok: false, problem: tooLong };
  if (requested === undefined) return { ok: true, value: scope };
  const words = [...new Set(scope.split(" "))];
  const grants = words.map(grantOf);
  if (!grants.every((each) => each !== undefined)) return { ok: false, problem: malformed };
  if (!grants.every((each) => grantWithin(each, grant))) return { ok: false, problem: beyond };
  return { ok: true, value: words.join(" ") };
}

const wordForm = /^([^:]+):([^:]+)(?::([^:]+))?$/;

/**
 * Returns the grant of a word, or undefined for an invalid word. Every grant has only one name, so `*:*` is invalid.
 */
function grantOf(word: string): Grant | undefined {
  if (word === "full") return { kind: "full" };
  const [, action = "", type = "", id] = wordForm.exec(word) ?? [];
  const resource = id !== undefined ? `${type}:${id}` : type === "*" ? "*" : `${type}:*`;
  const hasAction = action === "*" ? resource !== "*" : parseAction(action).ok;
  const hasResource = id === undefined ? isResourceWildcard(resource) : parseResource(resource).ok;
  if (!hasAction || !hasResource) return undefined;
  return { kind: "rules", rules: [{ actions: [action], resources: [resource] } as Rule] }; // both were just parsed
}
