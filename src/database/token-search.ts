import { or, type SQL, sql } from "drizzle-orm";
import { token, tokenSecret } from "./token-table.js";

/** The fewest characters that are looked for in ids, of which some always contain a shorter text by chance. */
const fewestOfId = 6;
/** The fewest characters that are looked for in hints, which show four characters of a secret. */
const fewestOfHint = 4;

/** Matches tokens that contain a text in any case, as `query` of TokenFilter says. */
export function containsText(text: string): SQL {
  const length = [...text].length;
  const pattern = inAnyCase(text);
  const inHint = sql`exists (
    select from ${tokenSecret} where ${tokenSecret.tokenId} = ${token.id} and ${tokenSecret.hint} ~ ${`${pattern}$`}
  )`;
  return (
    or(
      sql`${token.name} ~ ${pattern}`,
      sql`${token.description} ~ ${pattern}`,
      length >= fewestOfId ? inId(text) : undefined,
      length >= fewestOfHint ? inHint : undefined,
    ) ?? sql`false`
  );
}

/**
 * Returns a regular expression of PostgreSQL for a text in any case. No character of the text has another meaning in
 * it. The letters' cases are written out: the database's own comparison depends on its locale, and may know only ASCII.
 */
export function inAnyCase(text: string): string {
  return [...text]
    .map((character) => {
      const cases = [character, character.toLowerCase(), character.toUpperCase()];
      // `ß` in capitals is two letters.
      const letters = new Set(cases.filter((each) => [...each].length === 1));
      if (letters.size > 1) return `[${[...letters].join("")}]`;
      return /[!-/:-@[-`{-~]/.test(character) ? `\\${character}` : character;
    })
    .join("");
}

const prefix = "tok_";
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Matches ids that contain a text. Their 26 characters are digits of five bits, of which the first two are zero. */
function inId(text: string): SQL | undefined {
  const whole = text.toLowerCase();
  const fromStart = whole.startsWith(prefix);
  const digits = [...(fromStart ? whole.slice(prefix.length) : whole)].map((digit) => alphabet.indexOf(digit));
  if (digits.includes(-1) || digits.length > 26) return undefined;
  const bits = digits.map((digit) => digit.toString(2).padStart(5, "0")).join("");
  const idBits = sql`'00' || ('x' || replace(${token.id}::text, '-', ''))::bit(128)::text`;
  return sql`(${idBits}) ~ ${fromStart ? `^${bits}` : `^(?:.{5})*${bits}`}`;
}
