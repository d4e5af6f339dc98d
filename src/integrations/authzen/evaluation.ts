/** An entity of AuthZEN 1.0 §5.1 to §5.2: a subject or a resource. */
export interface Entity {
  readonly type: string;
  readonly id: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** An evaluation of AuthZEN 1.0 §6.1. */
export interface Evaluation {
  readonly subject: Entity;
  readonly action: { readonly name: string };
  readonly resource: Entity;
  readonly context: Readonly<Record<string, unknown>>;
}

export const semantics = ["execute_all", "deny_on_first_deny", "permit_on_first_permit"] as const;
export type Semantic = (typeof semantics)[number];

/** Several evaluations of AuthZEN 1.0 §7.1. An invalid item is undefined. */
export interface Evaluations {
  readonly items: readonly (Evaluation | undefined)[];
  readonly semantic: Semantic;
}

/** A mistake of the caller; `message` is fixed text. */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
}

const maxItems = 100;

type Fields = Readonly<Record<string, unknown>>;

/** Parses one evaluation, and ignores unknown members. Throws a BadRequest. */
export function parseEvaluation(body: unknown): Evaluation {
  const fields = fieldsOf(body, "the body");
  const { name } = fieldsOf(fields["action"], "action");
  if (typeof name !== "string") throw new BadRequest("action.name must be a string");
  return {
    subject: parseEntity(fields["subject"], "subject"),
    action: { name },
    resource: parseEntity(fields["resource"], "resource"),
    context: fields["context"] === undefined ? {} : fieldsOf(fields["context"], "context"),
  };
}

/**
 * Parses several evaluations. Returns undefined when there are none: the body is then one evaluation. Throws a
 * BadRequest when the request as a whole is wrong.
 */
export function parseEvaluations(body: unknown): Evaluations | undefined {
  const { evaluations, options, ...defaults } = fieldsOf(body, "the body");
  const semantic = semanticOf(options);
  if (evaluations === undefined) return undefined;
  if (!Array.isArray(evaluations)) throw new BadRequest("evaluations must be an array");
  if (evaluations.length === 0) return undefined;
  if (evaluations.length > maxItems) throw new BadRequest(`evaluations must have at most ${maxItems} items`);
  return { items: evaluations.map((item) => parseItem(defaults, item)), semantic };
}

/** Parses an item. Each object in the item replaces the whole object of the request. */
function parseItem(defaults: Fields, item: unknown): Evaluation | undefined {
  try {
    return parseEvaluation({ ...defaults, ...fieldsOf(item, "an item") });
  } catch (error) {
    if (error instanceof BadRequest) return undefined;
    throw error;
  }
}

function semanticOf(options: unknown): Semantic {
  if (options === undefined) return "execute_all";
  const asked = fieldsOf(options, "options")["evaluations_semantic"];
  if (asked === undefined) return "execute_all";
  const known = semantics.find((semantic) => semantic === asked);
  if (!known) throw new BadRequest(`options.evaluations_semantic must be ${semantics.join(", ")}`);
  return known;
}

function parseEntity(value: unknown, what: string): Entity {
  const { type, id, properties } = fieldsOf(value, what);
  if (typeof type !== "string" || typeof id !== "string")
    throw new BadRequest(`${what} must have a type and an id, both strings`);
  return { type, id, properties: properties === undefined ? {} : fieldsOf(properties, `${what}.properties`) };
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new BadRequest(`${what} must be an object`);
  return value as Fields;
}

/** Returns whether a decision ends the evaluations under `semantic`. */
export function endsWith(semantic: Semantic, decision: boolean): boolean {
  return semantic === (decision ? "permit_on_first_permit" : "deny_on_first_deny");
}
