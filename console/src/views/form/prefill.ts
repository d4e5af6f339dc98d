import { dayMs, type Expiry } from "./expiry.js";
import type { GrantDraft, RuleDraft } from "./grant-draft.js";
import { parseNetworks, wrongNetwork } from "./networks.js";

/** The entries that a link fills in: `/new?v=1&name=CI&rule=viewer@document:roadmap&expires=30d`. */
export interface Prefill {
  readonly name?: string;
  readonly description?: string;
  readonly justification?: string;
  readonly template?: string;
  readonly organization?: string;
  readonly expiry?: Expiry;
  readonly grant?: GrantDraft;
  /** One range a line. */
  readonly networks?: string;
}

/** A part of a link that was not used. */
export interface PrefillProblem {
  readonly kind: "version" | "unknown" | "tooLong" | "twice" | "wrong" | "full";
  /** The parameter. */
  readonly name: string;
}

/** Parameters with a text, and the most characters of it. */
const texts = { name: 100, description: 500, justification: 500, template: 64 } as const;
const isText = (name: string): name is keyof typeof texts => Object.hasOwn(texts, name);
const repeatable = ["rule", "network"];
/** Parameters of the page itself. */
const own = ["v", "from", "for", "kept"];
const mostRules = 10;
const word = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
const id = /^[^\s:#*][^\s:#]{0,255}$/;
const isoDay = /^\d{4}-\d\d-\d\d$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** Whether the route was opened by a link that fills in the form. */
export const isPrefilled = (parameters: URLSearchParams): boolean => parameters.has("v");

/** Reads the parameters of a link. What is not valid is left out and reported; a link never asks for everything. */
export function parsePrefill(parameters: URLSearchParams): {
  readonly filled: Prefill;
  readonly problems: readonly PrefillProblem[];
} {
  if (parameters.get("v") !== "1") return { filled: {}, problems: [{ kind: "version", name: "v" }] };
  const problems: PrefillProblem[] = [];
  const filled: { -readonly [K in keyof Prefill]: Prefill[K] } = {};
  const rules: RuleDraft[] = [];
  const networks: string[] = [];
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    const [value = ""] = values;
    const report = (kind: PrefillProblem["kind"]) => problems.push({ kind, name });
    if (own.includes(name)) continue;
    if (values.length > 1 && !repeatable.includes(name)) report("twice");
    else if (isText(name)) {
      if (value.length > texts[name]) report("tooLong");
      else if (unprintable.test(value) || (name === "template" && !word.test(value))) report("wrong");
      else filled[name] = value;
    } else if (name === "organization") {
      const [type = "", named = ""] = value.split(":");
      if (type !== "organization" || !id.test(named)) report("wrong");
      else filled.organization = value;
    } else if (name === "expires") {
      const expiry = parseExpiry(value);
      if (expiry) filled.expiry = expiry;
      else report("wrong");
    } else if (name === "rule") {
      if (values.length > mostRules) report("tooLong");
      for (const text of values.slice(0, mostRules)) {
        const rule = parseRule(text);
        if (rule === "full") report("full");
        else if (rule) rules.push(rule);
        else report("wrong");
      }
    } else if (name === "network") {
      if (values.length > 32 || wrongNetwork(parseNetworks(values.join("\n"))) !== undefined) report("wrong");
      else networks.push(...values);
    } else report(name === "full" ? "full" : "unknown");
  }
  if (rules.length > 0) filled.grant = { mode: "chosen", rules };
  if (networks.length > 0) filled.networks = networks.join("\n");
  return { filled, problems };
}

/** Reads `30d` or `2026-12-31`. */
function parseExpiry(text: string): Expiry | undefined {
  const days = /^(\d{1,4})d$/.exec(text)?.[1];
  if (days !== undefined) return Number(days) > 0 ? { kind: "for", ms: Number(days) * dayMs } : undefined;
  return isoDay.test(text) ? { kind: "day", day: text } : undefined;
}

/** Reads `viewer,editor@document:roadmap,document:plan`; all resources must be of one type. */
function parseRule(text: string): RuleDraft | "full" | undefined {
  if (text.length > 2000) return undefined;
  const at = text.indexOf("@");
  const actions = text.slice(0, Math.max(at, 0)).split(",");
  const resources = text.slice(at + 1).split(",");
  if (at < 1) return undefined;
  if (actions.includes("*") || resources.includes("*")) return "full";
  const named = resources.map((resource) => /^([^:]+):(.+)$/.exec(resource) ?? []);
  const type = named[0]?.[1] ?? "";
  const ids = named.map(([, , own = ""]) => own);
  const valid =
    actions.every((action) => word.test(action)) &&
    word.test(type) &&
    named.every(([, own]) => own === type) &&
    (ids.every((one) => id.test(one)) || (ids.length === 1 && ids[0] === "*"));
  return valid ? { type, actions, ids } : undefined;
}
