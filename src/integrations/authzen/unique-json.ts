const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * Parses JSON. Throws a SyntaxError also when an object has a key twice, since JSON.parse keeps the last one and other
 * parsers the first.
 */
export function parseUniqueJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // From here on, the text is valid JSON.
  const open: Set<string>[] = [];
  let last = "";
  for (const [token] of text.matchAll(tokens)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      // Two spellings of one key are one key.
      const key = String(JSON.parse(last));
      const keys = open.at(-1);
      if (keys?.has(key)) throw new SyntaxError("an object has a key twice");
      keys?.add(key);
    }
    last = token;
  }
  return value;
}
