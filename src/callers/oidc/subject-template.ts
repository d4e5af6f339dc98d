import type { Parsed } from "../../domain/identifier.js";

/** How the id of a user is made of the claims of an access token: `{sub}`, `acme|{oid}`, `{tid}/{oid}`. */
export interface SubjectTemplate {
  /** The id, or undefined when a claim is missing, is no text, is empty, or would make the id ambiguous. */
  idOf(claims: Readonly<Record<string, unknown>>): string | undefined;
  /** What every id starts and ends with. */
  readonly prefix: string;
  readonly suffix: string;
}

const maxLength = 200;

// Braces around the name of a claim; all else must be characters of an id.
const shape = /^(?:[A-Za-z0-9_\-./@+=~|]|\{[A-Za-z0-9_:./-]{1,100}\})+$/;
const placeholder = /\{([^}]*)\}/;

/**
 * Claims that people change, choose, or hand on when they leave: the next holder of a mailbox or a user name would get
 * its tokens with it (OpenID Connect Core §5.7).
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

/** Reads a template: at most 200 characters, at least one claim, no claim that changes, and text between two claims. */
export function parseSubjectTemplate(text: string): Parsed<SubjectTemplate> {
  if (text.length > maxLength || !shape.test(text)) {
    return { ok: false, problem: "must be characters of an id and claims in braces, such as {sub}" };
  }
  // Text and claims by turns, text first and last.
  const parts = text.split(placeholder);
  const claims = parts.filter((_, index) => index % 2 === 1);
  const texts = parts.filter((_, index) => index % 2 === 0);
  if (claims.length === 0) return { ok: false, problem: "must hold a claim in braces, such as {sub}" };
  if (claims.some((claim) => unstable.has(claim.slice(claim.lastIndexOf("/") + 1).toLowerCase()))) {
    return {
      ok: false,
      problem: "must be made of claims that never change hands, such as {sub}; not of names or addresses",
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
          // `a/b` and `c` must not make the id of `a` and `b/c`.
          if (index < claims.length - 1 && value.includes(next.charAt(0))) return undefined;
          id += value + next;
        }
        return id;
      },
    },
  };
}

/** Whether two templates could give the same id to two people. */
export function mayCollide(one: SubjectTemplate, other: SubjectTemplate): boolean {
  const samePrefix = one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix);
  const sameSuffix = one.suffix.endsWith(other.suffix) || other.suffix.endsWith(one.suffix);
  return samePrefix && sameSuffix;
}
