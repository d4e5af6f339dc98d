import { type ActionName, parseAction, parseResource, type ResourceName } from "../../domain/identifier.js";
import { type PlainPath, readHost, readPath, withoutParameters } from "./request-path.js";

/** A rule of the table, as configured. */
export interface RouteRule {
  /** Lower case, without port. Absent: any. */
  readonly host?: string;
  /** Upper case. Absent: any. A rule for GET matches HEAD too, unless a rule for HEAD matches. */
  readonly method?: string;
  /**
   * A path such as `/documents/{id}`: literal segments and `{name}`, each a whole segment. A final `/**` matches that
   * path and everything below it. With a `/` after all that, the rule matches only paths that end in one; without it,
   * only other paths: for some services both are one path, for others not.
   */
  readonly path: string;
  /** A resource such as `document:{id}`, with the names of the path. */
  readonly resource: string;
  readonly action: ActionName;
  /**
   * Whether segments may contain `;`. If not, a path that would match without the text after a `;` is not mapped, not
   * even by another rule.
   */
  readonly semicolons: boolean;
  /** Whether a browser's preflight for such a request passes. It never has a credential (Fetch, section 4.8). */
  readonly preflights: boolean;
}

/** A request that a proxy asks about, as the proxy received it. */
export interface ProxiedRequest {
  readonly method: string;
  readonly host: string;
  /** In origin form, with its query, undecoded. */
  readonly target: string;
}

/** The resource and the action that a request needs. */
export interface Mapping {
  readonly resource: ResourceName;
  readonly action: ActionName;
}

type Part = { readonly literal: string } | { readonly name: string };

interface CompiledRule extends RouteRule {
  readonly parts: readonly Part[];
  readonly open: boolean;
  readonly endsInSlash: boolean;
}

const everythingBelow = "/**";
const placeholder = /^\{([a-z][a-z0-9_]*)\}$/;
const placeholders = /\{([a-z][a-z0-9_]*)\}/g;

/**
 * Maps host, method and path of a request to a resource and an action. The first rule that matches decides; without
 * one, nothing is mapped, so nothing is allowed. Which rule is first does not depend on a `;` or on a final slash:
 * services that ignore these read `/admin/users;x` and `/admin/users/` as `/admin/users`, and a laxer rule further down
 * must not decide for it.
 */
export class RouteTable {
  readonly #rules: readonly CompiledRule[];

  /** Throws when `problemOf` finds a problem in a rule. */
  constructor(rules: readonly RouteRule[]) {
    this.#rules = rules.map(compile);
  }

  map(request: ProxiedRequest): Mapping | undefined {
    const path = readPath(request.target);
    const rule = path && this.#find(request, path);
    return rule && mapped(rule, path.segments);
  }

  /** Returns whether a preflight for this request passes. */
  admitsPreflight(request: ProxiedRequest): boolean {
    const path = readPath(request.target);
    return path !== undefined && this.#find(request, path)?.preflights === true;
  }

  #find({ method, host }: ProxiedRequest, path: PlainPath): CompiledRule | undefined {
    const name = readHost(host);
    if (name === undefined) return undefined;
    const { segments, endsInSlash, hasSemicolon } = path;
    const cut = hasSemicolon ? segments.map(withoutParameters) : segments;
    const nearlyFits = (rule: CompiledRule) =>
      (rule.host === undefined || rule.host === name) && (fits(rule, cut) || (hasSemicolon && fits(rule, segments)));
    // RFC 9110 §9.3.2: HEAD is GET without the content.
    const isGet = method === "HEAD" && !this.#rules.some((rule) => rule.method === "HEAD" && nearlyFits(rule));
    const asked = isGet ? "GET" : method;
    const first = this.#rules.find((rule) => (rule.method === undefined || rule.method === asked) && nearlyFits(rule));
    if (!first) return undefined;
    const rule = first.endsInSlash === endsInSlash ? first : this.#rules.find((other) => differInSlash(first, other));
    return rule && (rule.semicolons || !hasSemicolon) && fits(rule, segments) ? rule : undefined;
  }
}

/** Returns what is wrong with the path or resource of a rule, for the operator who configures it. */
export function problemOf({ path, resource }: Pick<RouteRule, "path" | "resource">): string | undefined {
  const { literal } = partsOf(path);
  const plain = readPath(literal === "" ? "/" : literal);
  if (!plain) return "must be a path such as /documents/{id}, without empty, . or .. segments";
  const names = plain.segments.flatMap((segment) => placeholder.exec(segment)?.[1] ?? []);
  if (plain.segments.some((segment) => /[{}*]/.test(segment) && !placeholder.test(segment)))
    return "must have each {name} as a whole segment, and * only in a final /**";
  if (new Set(names).size < names.length) return "must not give two segments the same {name}";
  const unknown = [...resource.matchAll(placeholders)]
    .map(([, name]) => name)
    .find((name) => !names.includes(name ?? ""));
  if (unknown !== undefined) return `has a resource with {${unknown}}, which its path lacks`;
  if (!parseResource(resource.replace(placeholders, "x")).ok)
    return "must have a resource type:id such as document:{id}";
  return undefined;
}

function partsOf(path: string): { readonly literal: string } & Pick<CompiledRule, "open" | "endsInSlash"> {
  const endsInSlash = path !== "/" && path.endsWith("/");
  const whole = endsInSlash ? path.slice(0, -1) : path;
  const open = whole.endsWith(everythingBelow);
  return { literal: open ? whole.slice(0, -everythingBelow.length) : whole, open, endsInSlash };
}

function compile(rule: RouteRule): CompiledRule {
  const problem = problemOf(rule);
  if (problem !== undefined) throw new Error(`route ${rule.path} ${problem}`);
  const { literal, open, endsInSlash } = partsOf(rule.path);
  const parts = literal
    .split("/")
    .slice(1)
    .filter((segment) => segment !== "")
    .map((segment): Part => {
      const [, name] = placeholder.exec(segment) ?? [];
      return name === undefined ? { literal: decodeURIComponent(segment) } : { name };
    });
  return { ...rule, parts, open, endsInSlash };
}

function fits({ parts, open }: CompiledRule, segments: readonly string[]): boolean {
  if (open ? segments.length < parts.length : segments.length !== parts.length) return false;
  return parts.every((part, index) => "name" in part || part.literal === segments[index]);
}

/** Returns whether these are the two rules for one path, with the final slash and without. */
function differInSlash(one: CompiledRule, other: CompiledRule): boolean {
  const [shorter, longer] = one.endsInSlash ? [other, one] : [one, other];
  return longer.path === `${shorter.path}/` && one.host === other.host && one.method === other.method;
}

/** Returns undefined also for values that a resource name may not contain. */
function mapped({ resource, action, parts }: CompiledRule, segments: readonly string[]): Mapping | undefined {
  const value = (key: string) => segments[parts.findIndex((part) => "name" in part && part.name === key)] ?? "";
  const name = parseResource(resource.replace(placeholders, (_, key: string) => value(key)));
  const named = parseAction(action);
  return name.ok && named.ok ? { resource: name.value, action: named.value } : undefined;
}
