import type { GetCatalogResponse } from "#gen/patwarden/v1/self_pb.js";
import type { Grant } from "#gen/patwarden/v1/token_pb.js";
import type { Words } from "../words/words.js";
import type { Format } from "./format.js";

/** The types and actions that the server has words for. */
export type Catalog = Pick<GetCatalogResponse, "types">;

/** Returns the words for a type of resources; without words, the type itself. */
export const typeLabel = (catalog: Catalog | undefined, type: string): string =>
  catalog?.types.find((known) => known.type === type)?.label || type;

/** Returns the words for an action; without words, the action itself. */
export const actionLabel = (catalog: Catalog | undefined, type: string, action: string): string =>
  catalog?.types.find((known) => known.type === type)?.actions.find((known) => known.action === action)?.label ||
  action;

/** Returns all actions of the model with their words, those of several types together: `read, see`. Without: empty. */
export function actionsInWords(catalog: Catalog | undefined): ReadonlyMap<string, string> {
  const labels = new Map<string, Set<string>>();
  for (const { action, label } of catalog?.types.flatMap(({ actions }) => actions) ?? []) {
    const known = labels.get(action) ?? new Set();
    labels.set(action, label === "" ? known : known.add(label));
  }
  return new Map([...labels].map(([action, known]) => [action, [...known].join(", ")]));
}

const shownIds = 3;
const typeOf = (resource: string): string => resource.split(":")[0] ?? "";

interface Speech {
  readonly catalog: Catalog | undefined;
  readonly words: Pick<Words, "grant">;
  readonly format: Pick<Format, "list">;
  /** Names the subject of a full grant. Empty: the reader. */
  readonly subject: string;
}

type Described = {
  readonly full?: boolean;
  readonly rules?: readonly { readonly actions?: readonly string[]; readonly resources?: readonly string[] }[];
};

/** Describes a grant: one line for each rule and type, `Documents roadmap and plan: read`. */
export function grantSentences(
  grant: Grant | Described | undefined,
  { catalog, words, format, subject }: Speech,
): readonly string[] {
  const texts = words.grant;
  if (grant?.full) return [subject === "" ? texts.fullYou : texts.full(subject)];
  const rules = grant?.rules ?? [];
  if (rules.length === 0) return [texts.identify];
  return rules.flatMap(({ actions = [], resources = [] }) => {
    const types = [...new Set(resources.map(typeOf))];
    return types.map((type) => {
      const named = resources.filter((resource) => typeOf(resource) === type);
      const may = actions.includes("*")
        ? texts.anyAction
        : format.list(actions.map((action) => actionLabel(catalog, type, action)));
      return texts.rule(resourcesText(type, named, { catalog, words, format }), may);
    });
  });
}

function resourcesText(
  type: string,
  named: readonly string[],
  { catalog, words, format }: Omit<Speech, "subject">,
): string {
  const texts = words.grant;
  if (type === "*") return texts.anyResource;
  const label = typeLabel(catalog, type);
  const ids = named.map((resource) => resource.slice(type.length + 1));
  if (ids.includes("*")) return texts.anyOfType(label);
  const shown = ids.slice(0, shownIds);
  const rest = ids.length - shown.length;
  return texts.ofType(label, format.list(rest > 0 ? [...shown, texts.more(rest)] : shown));
}
