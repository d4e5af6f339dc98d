import type { Parsed } from "../../domain/identifier.js";

/** Makes the id of a user from the claims of an access token: `{sub}`, `acme|{oid}`, `{tid}/{oid}`. */
export interface SubjectTemplate {
  /** Returns the id, or undefined when a claim is missing, not text, empty, or would make the id ambiguous. */
  idOf(claims: Readonly<Record<string, unknown>>): string | undefined;
  /** The text at the beginning of every id. */
  readonly prefix: string;
  /** The text at the end of every id. */
  readonly suffix: string;
}

const maxLength = 200;

// Names of claims in braces, and characters that ids may have.
const shape = /^(?:[A-Za-z0-9_\-./@+=~|]|\{[A-Za-z0-9_:./-]{1,100}\})+$/;
const placeholder = /\{([^}]*)\}/;

/**
 * Claims that people can change or choose, or that pass to another person: the next owner of a mailbox or a user name
 * would get the tokens of the previous one (OpenID Connect Core §5.7).
 */
const unstable = new Set([
  "email",
  "email_verified",
  "emails",
  "mail",
  "name",
  "given_name",
  "family_name",
  "middle_name",
  "nickname",
  "preferred_username",
  "username",
  "cognito:username",
  "user_name",
  "unique_name",
  "upn",
  "login",
  "profile",
  "picture",
  "website",
  "phone_number",
  "org_name",
]);

/** Parses a template: up to 200 characters, at least one claim, no claim that changes, and text between two claims. */
export function parseSubjectTemplate(text: string): Parsed<SubjectTemplate> {
  if (text.length > maxLength || !shape.test(text)) {
    return { ok: false, problem: "must consist of letters, digits, _-./@+=~| and claims in braces, such as {sub}" };
  }
  // Text and claims alternate; the first and the last part are text.
  const parts = text.split(placeholder);
  const claims = parts.filter((_, index) => index % 2 === 1);
  const texts = parts.filter((_, index) => index % 2 === 0);
  if (claims.length === 0) return { ok: false, problem: "must contain a claim in braces, such as {sub}" };
  if (claims.some((claim) => unstable.has(claim.slice(claim.lastIndexOf("/") + 1).toLowerCase()))) {
    return {
      ok: false,
      problem: "must contain only claims that never pass to another person, such as {sub}; no names or addresses",
    };
  }
  if (texts.slice(1, -1).includes("")) return { ok: false, problem: "must have text between two claims" };
  const prefix = texts[0] ?? "";
  return {
    ok: true,
    value: {
      prefix,
      suffix: texts.at(-1) ?? "",
      idOf(payload) {
        let id = prefix;
        for (const [index, claim] of claims.entries()) {
          const value = payload[claim];
          if (typeof value !== "string" || value === "") return undefined;
          const next = texts[index + 1] ?? "";
          // The claims `a/b` and `c` must not make the same id as `a` and `b/c`.
          if (index < claims.length - 1 && value.includes(next.charAt(0))) return undefined;
          id += value + next;
        }
        return id;
      },
    },
  };
}

/** Returns whether two templates could give the same id to two people. */
export function mayCollide(one: SubjectTemplate, other: SubjectTemplate): boolean {
  const samePrefix = one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix);
  const sameSuffix = one.suffix.endsWith(other.suffix) || other.suffix.endsWith(one.suffix);
  return samePrefix && sameSuffix;
}
