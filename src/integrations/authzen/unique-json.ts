const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/**
 * Parses JSON in which no object has a key twice: of two, JSON.parse keeps the last and others the first. Throws a
 * SyntaxError.
 */
export function parseUniqueJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // What follows may take the text for sound JSON.
  const open: Set<string>[] = [];
  let last = "";
  for (const [token] of text.matchAll(tokens)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      // Two spellings of one key are one key.
      const key = String(JSON.parse(last));
      const keys = open.at(-1);
      if (keys?.has(key)) throw new SyntaxError("a key is there twice");
      keys?.add(key);
    }
    last = token;
  }
  return value;
}
