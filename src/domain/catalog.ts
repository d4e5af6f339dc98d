import type { AuthorizationModel } from "./permission-checker.js";
import type { Grant } from "./token.js";

/** A text for people, by language (BCP 47, lower case). A text without languages is under the empty language. */
export type Words = Readonly<Record<string, string>>;

/** A label and a description for people. */
export interface Described {
  /** Undefined means that there are no words. */
  readonly label: Words | undefined;
  readonly description: Words | undefined;
}

export const risks = ["low", "medium", "high"] as const;
export type Risk = (typeof risks)[number];

/** The words for an action of the model, and how pages show it. */
export interface ActionWords extends Described {
  /** A heading to show it under. */
  readonly group: Words | undefined;
  readonly risk: Risk | undefined;
  readonly hidden: boolean;
}

/** The words for a type of the model and its actions, and whether pages show the type. */
export interface TypeWords extends Described {
  readonly hidden: boolean;
  readonly actions: Readonly<Record<string, ActionWords>>;
}

/** A token to start from. */
export interface GrantTemplate extends Described {
  readonly id: string;
  readonly grant: Grant;
  /** The lifetime to start from, milliseconds. Undefined: the default. */
  readonly ttlMs: number | undefined;
}

/** A use of a token to copy. */
export interface Snippet {
  readonly label: Words;
  /** `$TOKEN` stands for the secret. */
  readonly code: string;
}

/** `catalog` of the configuration: what people read about types, actions, templates and uses of a token. */
export interface Catalog {
  readonly types: Readonly<Record<string, TypeWords>>;
  readonly templates: readonly GrantTemplate[];
  readonly snippets: readonly Snippet[];
}

/** A type with its actions, as a page shows them. `words` is undefined when the configuration has none. */
export interface ListedType {
  readonly type: string;
  readonly words: Described | undefined;
  readonly actions: readonly { readonly action: string; readonly words: ActionWords | undefined }[];
}

/**
 * Returns the types and actions that a type of subject can hold: in the order of the catalogue, then the others by
 * name. What is hidden is left out. So are structural relations such as `parent`, since no subject can hold them.
 */
export function listed({ types }: Pick<Catalog, "types">, model: AuthorizationModel, subject: string): ListedType[] {
  return inOrder(types, model.types).flatMap((type) => {
    const words = own(types, type);
    if (words?.hidden) return [];
    const known = words?.actions ?? {};
    const actions = inOrder(known, model.actionsOf(type))
      .filter((action) => model.canHold(subject, type, action) && !own(known, action)?.hidden)
      .map((action) => ({ action, words: own(known, action) }));
    return actions.length > 0 ? [{ type, words, actions }] : [];
  });
}

/** Returns the names of the model: first those of the catalogue in its order, then the others by name. */
function inOrder(known: Readonly<Record<string, unknown>>, names: ReadonlySet<string>): readonly string[] {
  const first = Object.keys(known).filter((name) => names.has(name));
  return [...first, ...[...names].filter((name) => !Object.hasOwn(known, name)).sort()];
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * Returns the text in a language: its own, else that of a shorter tag (`de` for `de-AT`), else the English one, else
 * the first. Empty when there are no words.
 *
 * @param language BCP 47, in any case.
 */
export function textIn(words: Words | undefined, language: string): string {
  if (!words) return "";
  const subtags = language.toLowerCase().split("-");
  const tags = subtags.map((_, index) => subtags.slice(0, subtags.length - index).join("-"));
  const found = ["", ...tags, "en"].find((tag) => Object.hasOwn(words, tag));
  return (found === undefined ? Object.values(words)[0] : words[found]) ?? "";
}
