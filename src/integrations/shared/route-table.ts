import { type ActionName, parseAction, parseResource, type ResourceName } from "../../domain/identifier.js";
import { type PlainPath, readHost, readPath, withoutParameters } from "./request-path.js";

/** A line of the table, as configured. */
export interface RouteRule {
  /** Lower case, without port. Absent: any. */
  readonly host?: string;
  /** Upper case. Absent: any. What fits GET fits HEAD, unless a rule for HEAD does. */
  readonly method?: string;
  /**
   * `/documents/{id}`: literal segments and `{name}`, each one whole segment; `/**` at the end: that path and
   * everything below it. With a `/` behind all that it fits just paths that end in one, and without it just others:
   * services differ in whether both are one path.
   */
  readonly path: string;
  /** `document:{id}`, with the names of the path. */
  readonly resource: string;
  readonly action: ActionName;
  /**
   * Whether segments may hold `;`. Where not, a path that fits but for what stands behind a `;` is left to no other
   * rule.
   */
  readonly semicolons: boolean;
  /** Whether a browser's preflight for such a request passes, which never carries a credential (Fetch, section 4.8). */
  readonly preflights: boolean;
}

/** A request that is asked about, as its proxy saw it. */
export interface ProxiedRequest {
  readonly method: string;
  readonly host: string;
  /** In origin form, with its query, undecoded. */
  readonly target: string;
}

/** What a request needs. */
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
 * From host, method and path of a request to resource and action. The first rule that fits decides; without one nothing
 * is mapped, and so nothing allowed. Which one is first does not depend on a `;` or on a last slash: to a service that
 * ignores them `/admin/users;x` and `/admin/users/` are `/admin/users`, and a laxer rule further down must not decide
 * for it.
 */
export class RouteTable {
  readonly #rules: readonly CompiledRule[];

  /** Throws for a rule that `problemOf` finds fault with. */
  constructor(rules: readonly RouteRule[]) {
    this.#rules = rules.map(compile);
  }

  map(request: ProxiedRequest): Mapping | undefined {
    const path = readPath(request.target);
    const rule = path && this.#find(request, path);
    return rule && mapped(rule, path.segments);
  }

  /** Whether a preflight for this request passes. */
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

/** Says what is wrong with a path or resource of a rule, for the operator who configures it. */
export function problemOf({ path, resource }: Pick<RouteRule, "path" | "resource">): string | undefined {
  const { literal } = partsOf(path);
  const plain = readPath(literal === "" ? "/" : literal);
  if (!plain) return "must be a path such as /documents/{id}, without empty, . or .. segments";
  const names = plain.segments.flatMap((segment) => placeholder.exec(segment)?.[1] ?? []);
  if (plain.segments.some((segment) => /[{}*]/.test(segment) && !placeholder.test(segment)))
    return "must have each {name} as a whole segment, and no * but a last /**";
  if (new Set(names).size < names.length) return "must not name two segments alike";
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

/** Whether these are the two rules for one path, with the slash and without. */
function differInSlash(one: CompiledRule, other: CompiledRule): boolean {
  const [shorter, longer] = one.endsInSlash ? [other, one] : [one, other];
  return longer.path === `${shorter.path}/` && one.host === other.host && one.method === other.method;
}

/** Undefined also for values that no resource name may hold. */
function mapped({ resource, action, parts }: CompiledRule, segments: readonly string[]): Mapping | undefined {
  const value = (key: string) => segments[parts.findIndex((part) => "name" in part && part.name === key)] ?? "";
  const name = parseResource(resource.replace(placeholders, (_, key: string) => value(key)));
  const named = parseAction(action);
  return name.ok && named.ok ? { resource: name.value, action: named.value } : undefined;
}
