import { type ActionName, parseAction, parseResource, type ResourceName } from "../identifier/identifier.js";
import { type PlainPath, readHost, readPath } from "./request-path.js";

/** A line of the table, as configured. */
export interface RouteRule {
  /** Lower case, without port. Absent: any. */
  readonly host?: string;
  /** Upper case. Absent: any. What fits GET fits HEAD, unless a rule for HEAD does. */
  readonly method?: string;
  /**
   * `/documents/{id}`: literal segments and `{name}`, each one whole segment; `/**` at the end: that path and everything below it. With a `/` behind all
   * that it fits just paths that end in one, and without it just others: services differ in whether both are one path.
   */
  readonly path: string;
  /** `document:{id}`, with the names of the path. */
  readonly resource: string;
  readonly action: ActionName;
  /** Whether segments may hold `;`. */
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

interface Found {
  readonly rule: CompiledRule;
  readonly values: ReadonlyMap<string, string>;
}

const everythingBelow = "/**";
const placeholder = /^\{([a-z][a-z0-9_]*)\}$/;
const placeholders = /\{([a-z][a-z0-9_]*)\}/g;

/** From host, method and path of a request to resource and action. The first rule that fits decides; without one nothing is mapped, and so nothing allowed. */
export class RouteTable {
  readonly #rules: readonly CompiledRule[];

  /** Throws for a rule that `problemOf` finds fault with. */
  constructor(rules: readonly RouteRule[]) {
    this.#rules = rules.map(compile);
  }

  map(request: ProxiedRequest): Mapping | undefined {
    const found = this.#find(request);
    return found && mapped(found.rule, found.values);
  }

  /** Whether a preflight for this request passes. */
  admitsPreflight(request: ProxiedRequest): boolean {
    return this.#find(request)?.rule.preflights === true;
  }

  #find({ method, host, target }: ProxiedRequest): Found | undefined {
    const path = readPath(target);
    const name = readHost(host);
    if (!path || name === undefined) return undefined;
    if (method !== "HEAD") return this.#first(path, name, (rule) => rule === undefined || rule === method);
    // RFC 9110 §9.3.2: it is GET without the content.
    const asked = this.#first(path, name, (rule) => rule === "HEAD") ? "HEAD" : "GET";
    return this.#first(path, name, (rule) => rule === undefined || rule === asked);
  }

  #first(path: PlainPath, host: string, isMethod: (rule: string | undefined) => boolean): Found | undefined {
    for (const rule of this.#rules) {
      if (rule.host !== undefined && rule.host !== host) continue;
      if (!isMethod(rule.method)) continue;
      if (path.hasSemicolon && !rule.semicolons) continue;
      if (path.endsInSlash !== rule.endsInSlash) continue;
      const values = match(rule, path.segments);
      if (values) return { rule, values };
    }
    return undefined;
  }
}

/** What is wrong with a path or resource of a rule, in words for whoever configures it. */
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

function match({ parts, open }: CompiledRule, segments: readonly string[]): ReadonlyMap<string, string> | undefined {
  if (open ? segments.length < parts.length : segments.length !== parts.length) return undefined;
  const values = new Map<string, string>();
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] ?? "";
    if ("name" in part) values.set(part.name, segment);
    else if (part.literal !== segment) return undefined;
  }
  return values;
}

/** Undefined also for values that no resource name may hold. */
function mapped({ resource, action }: CompiledRule, values: ReadonlyMap<string, string>): Mapping | undefined {
  const name = parseResource(resource.replace(placeholders, (_, key: string) => values.get(key) ?? ""));
  const named = parseAction(action);
  return name.ok && named.ok ? { resource: name.value, action: named.value } : undefined;
}
