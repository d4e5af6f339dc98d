import { containsSecret } from "./secret.js";

/**
 * The three identifiers of a decision, as named in the customer's own OpenFGA model. Other forms that OpenFGA accepts
 * (usersets, wildcards, blanks, non-ASCII) are refused: `organization:acme#member` is a member of acme by definition,
 * and a lone surrogate is granted what U+FFFD was granted. Nothing is trimmed, lower-cased or normalized.
 */

/** `type:id` of an OpenFGA object, for example `document:roadmap`. */
export type ResourceName = string & { readonly __brand: "ResourceName" };
/** `type:id` of the subject that a token acts as: `user:<id>` or `organization:<id>`, never a userset. */
export type SubjectName = string & { readonly __brand: "SubjectName" };
/** A relation of the model, for example `viewer`. */
export type ActionName = string & { readonly __brand: "ActionName" };

/** A value, or a problem that says what would have been right. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** The OpenFGA types of users and organizations: `subjects` of the configuration. */
export interface SubjectTypes {
  readonly user: string;
  readonly organization: string;
}

/** The user or organization that a token acts as. */
export interface Subject {
  readonly name: SubjectName;
  readonly kind: "user" | "organization";
}

/** The longest `type:id`, bytes. Every allowed character is one byte. */
const maxNameLength = 256;

// The colon is in neither character class, so there is only one way to match and no backtracking. The pattern of a type
// only limits what is looked up in the model.
const typeName = /^[A-Za-z0-9_][A-Za-z0-9_./-]*$/;
const objectName = /^[A-Za-z0-9_][A-Za-z0-9_./-]*:[A-Za-z0-9_\-./@+=~|]{1,200}$/;
const relationName = /^[A-Za-z][A-Za-z0-9_-]{0,49}$/;

/** Returns the problem of a text that is no plain object, beginning with an example. */
function mustBeObject(example: string): { readonly ok: false; readonly problem: string } {
  const form = "type:id of at most 256 characters, the id 1 to 200 of A-Z a-z 0-9 _ - . / @ + = ~ |";
  return { ok: false, problem: `must be such as ${example} (${form}, no wildcard or userset)` };
}

function isObjectName(text: string): boolean {
  return text.length <= maxNameLength && objectName.test(text);
}

/** Parses an OpenFGA object for Check. Does not check whether the model has its type. */
export function parseResource(text: string): Parsed<ResourceName> {
  return isObjectName(text) ? { ok: true, value: text as ResourceName } : mustBeObject("document:roadmap");
}

/** Returns whether a text is `type:*` or `*`, which only a grant may contain. */
export function isResourceWildcard(text: string): text is `${string}:*` | "*" {
  return text === "*" || (text.length <= maxNameLength && text.endsWith(":*") && typeName.test(text.slice(0, -2)));
}

/** Parses a relation. Does not check whether the model has it on the type of the resource. */
export function parseAction(text: string): Parsed<ActionName> {
  return relationName.test(text)
    ? { ok: true, value: text as ActionName }
    : { ok: false, problem: "must be a relation: a letter, then up to 49 of A-Z a-z 0-9 _ -" };
}

/** Parses a subject: a plain object of one of the two configured types. */
export function parseSubject(text: string, types: SubjectTypes): Parsed<Subject> {
  if (!isObjectName(text)) return mustBeObject(`${types.user}:alice`);
  if (containsSecret(text)) return { ok: false, problem: "must not contain the secret of a token or service key" };
  const name = text as SubjectName;
  switch (typeOf(name)) {
    case types.user:
      return { ok: true, value: { name, kind: "user" } };
    case types.organization:
      return { ok: true, value: { name, kind: "organization" } };
    default:
      return { ok: false, problem: `must be of type ${types.user} or ${types.organization}` };
  }
}

/** Parses the name of a user or service that has changed something: `user:alice`, `service:shop`. */
export function parseActor(text: string, { user }: Pick<SubjectTypes, "user">): Parsed<string> {
  return isObjectName(text) && [user, "service"].includes(text.slice(0, text.indexOf(":")))
    ? { ok: true, value: text }
    : { ok: false, problem: `must be such as ${user}:alice or service:shop` };
}

/** Returns the part before the colon. */
export function typeOf(name: ResourceName | SubjectName | `${string}:*`): string {
  return name.slice(0, name.indexOf(":"));
}
