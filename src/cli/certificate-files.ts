import { readFile } from "node:fs/promises";
import { Loop } from "../async/loop.js";

/** Milliseconds between two looks. Tools that renew certificates do so days before the old ones end. */
const defaultLookMs = 10_000;

/** Called after a look. Must not throw. */
export interface CertificateFileEvents {
  /** The content of a file is another one. */
  changed(): void;
  /** A file cannot be read any more. Called once until it can be read again. */
  lost(file: string, error: unknown): void;
  /** A file that was lost can be read again. */
  found(file: string): void;
}

/** Looks at the content of these files again and again. */
export function watchCertificateFiles(
  files: readonly string[],
  events: CertificateFileEvents,
  lookMs = defaultLookMs,
): Loop {
  const known = new Map<string, string>();
  const lost = new Set<string>();
  return new Loop(async () => {
    let isChanged = false;
    for (const file of new Set(files)) {
      const content = await readFile(file, "utf8").catch((error: unknown) => {
        if (!lost.has(file)) events.lost(file, error);
        lost.add(file);
        return undefined;
      });
      if (content === undefined) continue;
      if (lost.delete(file)) events.found(file);
      isChanged ||= known.has(file) && content !== known.get(file);
      known.set(file, content);
    }
    if (isChanged) events.changed();
  }, lookMs);
}
