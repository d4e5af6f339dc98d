import { z } from "zod";
import { type ActionWords, type Catalog, risks, type TypeWords, type Words } from "../domain/catalog.js";
import { checkText } from "../domain/text.js";
import { relationName, text } from "./common-values.js";
import { lifetime } from "./duration.js";
import { grant } from "./grant.js";
import { allDifferent, atMost } from "./lists.js";

const languageTag = /^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}$/;

/** A text, or the same text in several languages, `{ en: …, de: … }`. */
function words(max: number) {
  const one = text.superRefine((value, context) => {
    const problem = checkText(value, { max, required: true });
    if (problem !== undefined) context.addIssue(problem);
  });
  const byLanguage = z
    .record(text.regex(languageTag, "must be a language such as en or pt-BR"), one)
    .refine((texts) => Object.keys(texts).length > 0, { error: "must have a text in at least one language" });
  return z
    .union([one, byLanguage], {
      error: `must be a text of 1 to ${max} characters, or one by language: { en: …, de: … }`,
    })
    .transform((given): Words => {
      if (typeof given === "string") return { "": given };
      return Object.fromEntries(Object.entries(given).map(([language, value]) => [language.toLowerCase(), value]));
    });
}

const label = words(60);
const description = words(300);

const action = z
  .strictObject({
    /** A few words that continue "may", such as `read`. Default: pages show the relation. */
    label: label.optional(),
    /** A sentence. Default none. */
    description: description.optional(),
    /** A heading that pages show it under. Default none. */
    group: label.optional(),
    /** How much harm it can do: low (reads), medium (changes) or high (deletes, administers, shares). Default none. */
    risk: z.enum(risks).optional(),
    /** Whether pages leave it out. It can still be granted. Default `false`. */
    hidden: z.boolean().default(false),
  })
  .transform(
    ({ label, description, group, risk, hidden }): ActionWords => ({ label, description, group, risk, hidden }),
  );

const type = z
  .strictObject({
    /** A word or two, such as `Documents`. Default: pages show the type. */
    label: label.optional(),
    /** A sentence. Default none. */
    description: description.optional(),
    /** Whether pages leave it out. It can still be granted. Default `false`. */
    hidden: z.boolean().default(false),
    /** Words for its actions, by relation; pages show them in this order. Default none. */
    actions: z.record(relationName, action).default({}),
  })
  .transform(({ label, description, hidden, actions }): TypeWords => ({ label, description, hidden, actions }));

const template = z
  .object({
    /** 1 to 63 of a-z, 0-9 and hyphens. Required, unique. */
    id: text.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be 1 to 63 of a-z 0-9 -, not beginning with a dash"),
    /** A few words. Required. */
    label,
    /** A sentence. Default none. */
    description: description.optional(),
    /** The grant, written as in CreateToken; not empty. Required. */
    grant: grant.refine((given) => given.kind === "full" || given.rules.length > 0, {
      error: "must have full: true or rules",
    }),
    /** The lifetime, 1s to 10y. Default: the default of new tokens. */
    ttl: lifetime.optional(),
  })
  .transform(({ id, label, description, grant, ttl }) => ({ id, label, description, grant, ttlMs: ttl }));

const snippet = z.object({
  /** A few words, such as `curl`. Required. */
  label,
  /**
   * One or more lines, 1 to 2000 characters. `$TOKEN` stands for the secret, which pages never put in.
   * `{document=roadmap}` stands for the document that a token names, and `roadmap` for a token that names none.
   * Required.
   */
  code: text
    .max(2000, "must have at most 2000 characters")
    .refine((code) => code.includes("$TOKEN"), "must contain $TOKEN, which stands for the secret")
    .refine((code) => !/[^\P{Cc}\n\t]|\p{Bidi_Control}/u.test(code), "must not contain invisible characters"),
});

/**
 * Words for the types and actions of the authorization model, and tokens to start from, for pages on which people
 * create tokens. Each label and description is a text, or one by language. SIGHUP applies another one. Default: pages
 * show the names of the model.
 */
export const catalog = z
  .object({
    /** Words for types, by their name in the model; pages show them in this order. Default none. */
    types: z.record(text, type).default({}),
    /** Tokens to start from, 0 to 50, in this order. Default none. */
    templates: z
      .array(template)
      .refine(...atMost(50))
      .refine(...allDifferent("id"))
      .default([]),
    /** Uses of a token that pages show once it is created, 0 to 10, in this order. Default none. */
    snippets: z
      .array(snippet)
      .refine(...atMost(10))
      .default([]),
  })
  .transform(({ types, templates, snippets }): Catalog => ({ types, templates, snippets }))
  .optional();
