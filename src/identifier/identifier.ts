/**
 * The three identifiers of a decision, in the words of the customer's own OpenFGA model. What OpenFGA admits beyond this
 * (usersets, wildcards, blanks, non-ASCII) is refused: `organization:acme#member` is a member of acme by definition, and a lone
 * surrogate is granted what U+FFFD was granted. Nothing is trimmed, lower-cased or normalized.
 */

/** `type:id` of an OpenFGA object, for example `document:roadmap`. */
export type ResourceName = string & { readonly __brand: "ResourceName" };
/** `type:id` of who a token acts as: `user:<id>` or `organization:<id>`, never a userset. */
export type SubjectName = string & { readonly __brand: "SubjectName" };
/** A relation of the model, for example `viewer`. */
export type ActionName = string & { readonly __brand: "ActionName" };

/** A value, or in words what would have been right. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };
