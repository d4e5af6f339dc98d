import { containsSecret } from "./secret.js";

export interface TextRule {
  /** The longest text, code points. */
  readonly max: number;
  /** Whether empty and blank texts are refused. Default false. */
  readonly required?: boolean;
  /** Whether line breaks and tabs are allowed. Default false. */
  readonly multiline?: boolean;
}

// Control and format (bidirectional, zero-width) characters, lone surrogates, line and paragraph separators, and
// invisible letters: they can make one name look like another, or break a log. U+FFFD is what a lossy decoder leaves
// behind.
const deceptive = /[\u034f\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\ufffd]/u;

/** Returns what is wrong with a text that people write and read, or undefined. Never trims or normalizes the text. */
export function checkText(text: string, { max, required = false, multiline = false }: TextRule): string | undefined {
  // A code point takes one or two code units: only a text between the two bounds has to be counted.
  if (text.length > 2 * max || (text.length > max && [...text].length > max)) {
    return `must have at most ${max} characters`;
  }
  if (required && text.trim() === "") return "must not be empty or blank";
  if (deceptive.test(multiline ? text.replaceAll(/[\n\r\t]/g, "") : text)) {
    return "must not hold control, bidirectional, zero-width or undecodable characters";
  }
  // People paste into the wrong field. What is stored here is listed, logged and kept in the audit trail.
  if (containsSecret(text)) return "must not contain the secret of a token or service key";
  return undefined;
}

/** Returns a stranger's text without deceptive characters, at most `max` code points, to be stored and shown. */
export function harmlessText(text: string, max: number): string {
  // Cut twice, so that the work does not grow with the input: a code point takes at most two code units.
  const clean = text.slice(0, 4 * max).replaceAll(new RegExp(deceptive, "gu"), "");
  return [...clean].slice(0, max).join("");
}

const maxLabels = 32;
const maxLabelBytes = 4096;
const keyRule: TextRule = { max: 64, required: true };
const valueRule: TextRule = { max: 512, multiline: true };

export interface LabelProblem {
  /** The key whose value is wrong. Only well-formed keys are shown. */
  readonly key?: string;
  readonly problem: string;
}

/** Returns what is wrong with metadata or claims: 32 keys of 64 characters, values of 512, 4 KiB of UTF-8 in total. */
export function checkLabels(labels: Readonly<Record<string, string>>): readonly LabelProblem[] {
  const entries = Object.entries(labels);
  if (entries.length > maxLabels) return [{ problem: `must have at most ${maxLabels} keys` }];
  const problems: LabelProblem[] = [];
  let bytes = 0;
  for (const [key, value] of entries) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    const wrongKey = key === "__proto__" ? "must not be __proto__" : checkText(key, keyRule);
    const wrongValue = checkText(value, valueRule);
    if (wrongKey) problems.push({ problem: `each key ${wrongKey}` });
    else if (wrongValue) problems.push({ key, problem: `each value ${wrongValue}` });
  }
  if (bytes > maxLabelBytes)
    problems.push({ problem: `must have at most ${maxLabelBytes} bytes, keys and values together` });
  return problems;
}
