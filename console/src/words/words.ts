import { de } from "./de.js";
import { en, type Words } from "./en.js";

export type { Words } from "./en.js";

/** The languages that the views speak. */
export const languages: Readonly<Record<string, { readonly name: string; readonly words: Words }>> = {
  en: { name: "English", words: en },
  de: { name: "Deutsch", words: de },
};

/** A language and how dates and numbers are written. */
export interface Language {
  /** A key of `languages`. */
  readonly name: string;
  readonly words: Words;
  /** BCP 47, such as `de-AT`. */
  readonly locale: string;
}

/** Returns the first of the preferred languages that the views speak; English when they speak none. */
export function languageOf(preferred: readonly string[]): Language {
  for (const locale of preferred) {
    const name = locale.toLowerCase().split("-")[0] ?? "";
    const found = Object.hasOwn(languages, name) ? languages[name] : undefined;
    if (found) return { name, words: found.words, locale };
  }
  return { name: "en", words: en, locale: "en" };
}
