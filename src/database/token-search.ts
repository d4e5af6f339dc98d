import { or, type SQL, sql } from "drizzle-orm";
import { token, tokenSecret } from "./token-table.js";

/** The fewest characters that are looked for in ids: shorter texts are in many of them by chance. */
const fewestOfId = 6;
/** The number of characters at the end of a hint that are the secret's. A shorter text is not looked for. */
const endOfHint = 4;

/** Matches tokens that contain a text in any case, as `query` of TokenFilter says. */
export function containsText(text: string): SQL {
  return (
    or(
      // The text has no line breaks, so it is within one of the two.
      sql`(${token.name} || chr(10) || ${token.description}) ~ ${inAnyCase(text)}`,
      text.length >= fewestOfId ? inId(text.toLowerCase()) : undefined,
      text.length >= endOfHint ? inHint(text.toLowerCase()) : undefined,
    ) ?? sql`false`
  );
}

/** Matches tokens with a secret whose hint ends with a text. The ends of hints have an index. */
function inHint(text: string): SQL {
  return sql`${token.id} in (
    select ${tokenSecret.tokenId} from ${tokenSecret}
    where lower(right(${tokenSecret.hint}, ${sql.raw(String(endOfHint))})) = ${text.slice(-endOfHint)}
      and right(lower(${tokenSecret.hint}), ${text.length}::integer) = ${text}
  )`;
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
/** An id has 26 digits of five bits. The first two bits are zero, the others are the UUID. */
const uuidBits = 128;

/** Matches ids that begin or end with a text, which may leave out `tok_`. */
function inId(text: string): SQL | undefined {
  const whole = text.startsWith(prefix);
  const digits = [...(whole ? text.slice(prefix.length) : text)].map((digit) => alphabet.indexOf(digit));
  if (digits.includes(-1)) return undefined;
  const bits = digits.map((digit) => digit.toString(2).padStart(5, "0")).join("");
  return or(
    bits.startsWith("00") && bits.length <= uuidBits + 2 ? beginsWith(bits.slice(2)) : undefined,
    !whole && bits.length <= uuidBits ? endsWith(bits) : undefined,
  );
}

/** Matches UUIDs that begin with these bits: they are a range. */
function beginsWith(bits: string): SQL {
  const [first, last] = ["0", "1"].map((rest) => hexOf(bits.padEnd(uuidBits, rest)));
  return sql`${token.id} between ${first}::uuid and ${last}::uuid`;
}

/** Matches UUIDs that end with these bits. The first hexadecimal digit may have bits that are not given. */
function endsWith(bits: string): SQL {
  const free = (4 - (bits.length % 4)) % 4;
  const ends = Array.from({ length: 2 ** free }, (_, first) =>
    hexOf(`${free === 0 ? "" : first.toString(2).padStart(free, "0")}${bits}`),
  );
  const digits = (free + bits.length) / 4;
  return sql`right(replace(${token.id}::text, '-', ''), ${digits}::integer) = any(${`{${ends.join(",")}}`}::text[])`;
}

function hexOf(bits: string): string {
  return BigInt(`0b${bits}`)
    .toString(16)
    .padStart(bits.length / 4, "0");
}
