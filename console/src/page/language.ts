import { computed, signal } from "@preact/signals";
import { languageOf } from "../words/words.js";

const key = "pw-language";
const chosen = signal(localStorage.getItem(key));

/** The language of the page: what the user has chosen, else the first of the browser's that the views speak. */
export const language = computed(() => {
  const name = chosen.value;
  if (name === null) return languageOf(navigator.languages);
  // `de-AT` of the browser says how dates are written, where German was chosen.
  return languageOf([...navigator.languages.filter((own) => own.startsWith(name)), name]);
});

/** Changes the language; `name` is a key of `languages`. This browser keeps it. */
export function chooseLanguage(name: string): void {
  localStorage.setItem(key, name);
  chosen.value = name;
}
