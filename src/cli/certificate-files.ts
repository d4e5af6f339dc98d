import { readFile } from "node:fs/promises";
import { Loop } from "../async/loop.js";

/** Milliseconds between two looks. Tools that renew certificates do so days before the old ones end. */
const lookMs = 10_000;

/** Calls `changed` when the content of one of these files has changed; files that cannot be read have not. */
export function watchCertificateFiles(files: readonly string[], changed: () => void): Loop {
  const read = () => Promise.all(files.map((file) => readFile(file, "utf8").catch(() => undefined)));
  const known = new Map<string, string>();
  return new Loop(async () => {
    const contents = await read();
    let isChanged = false;
    for (const [index, content] of contents.entries()) {
      const file = files[index] as string;
      if (content === undefined || content === known.get(file)) continue;
      isChanged ||= known.has(file);
      known.set(file, content);
    }
    if (isChanged) changed();
  }, lookMs);
}
