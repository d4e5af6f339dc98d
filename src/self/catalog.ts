import { unknownAction, unknownType } from "../check/question.js";
import { type Catalog, type GrantTemplate, type ListedType, listed } from "../domain/catalog.js";
import { Failure } from "../domain/errors.js";
import type { SubjectTypes } from "../domain/identifier.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { checkGrantAgainstModel, couldEverAllow } from "../manage/rules/grant-in-model.js";

/** The part of the catalogue that is about grants. */
type GrantWords = Pick<Catalog, "types" | "templates">;

/** The part of the catalogue for a type of subjects. */
export interface SubjectCatalog {
  readonly types: readonly ListedType[];
  readonly templates: readonly GrantTemplate[];
}

/** Returns the catalogue for a type of subjects: only what the model lets such a subject hold. */
export function catalogFor(catalog: GrantWords, model: AuthorizationModel, subjectType: string): SubjectCatalog {
  return {
    types: listed(catalog, model, subjectType),
    templates: catalog.templates.filter(({ grant }) => couldEverAllow(model, subjectType, grant)),
  };
}

/** A key of `catalog` in the configuration that does not fit the model. */
export interface CatalogProblem {
  readonly key: string;
  readonly problem: string;
}

/**
 * Returns the types and actions of the catalogue that the model does not have, and the templates that name such or that
 * neither users nor organizations could use.
 */
export function catalogOutsideModel(
  { types, templates }: GrantWords,
  model: AuthorizationModel,
  subjectTypes: SubjectTypes,
): readonly CatalogProblem[] {
  const outside = Object.entries(types).flatMap(([type, { actions }]): CatalogProblem[] => {
    const key = `catalog.types.${type}`;
    if (!model.hasType(type)) return [{ key, problem: unknownType(type, model) }];
    return Object.keys(actions)
      .filter((action) => !model.hasAction(type, action))
      .map((action) => ({ key: `${key}.actions.${action}`, problem: unknownAction(type, action, model) }));
  });
  const unusable = templates.flatMap(({ grant }, index) =>
    problemsOfGrant(grant, model, subjectTypes).map(({ field, problem }) => ({
      key: `catalog.templates[${index}].${field}`,
      problem,
    })),
  );
  return [...outside, ...unusable];
}

/** Returns the problems of a grant that both kinds of subjects have: one that only users can use is fine. */
function problemsOfGrant(
  grant: GrantTemplate["grant"],
  model: AuthorizationModel,
  { user, organization }: SubjectTypes,
): readonly { readonly field: string; readonly problem: string }[] {
  try {
    checkGrantAgainstModel(model, couldEverAllow(model, organization, grant) ? organization : user, grant);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.violations.length > 0) {
      return error.violations.map(({ field, description }) => ({ field, problem: description }));
    }
    return [{ field: "grant", problem: "can never allow anything: no user and no organization can hold its actions" }];
  }
}

/** Returns the shown types and actions that have no label, `document` or `document#viewer`, each once. */
export function withoutWords(
  catalog: GrantWords,
  model: AuthorizationModel,
  { user, organization }: SubjectTypes,
): readonly string[] {
  const shown = [user, organization].flatMap((subjectType) => listed(catalog, model, subjectType));
  const names = shown.flatMap(({ type, words, actions }) => [
    ...(words?.label ? [] : [type]),
    ...actions.filter((each) => !each.words?.label).map(({ action }) => `${type}#${action}`),
  ]);
  return [...new Set(names)].sort();
}
