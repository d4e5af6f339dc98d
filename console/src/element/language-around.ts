import { type Language, languageOf } from "../words/words.js";

/** Returns the language of the nearest `lang` around the element, also beyond shadow roots; else the browser's. */
export function languageAround(element: Element): Language {
  for (let at: Element | undefined = element; at; at = hostOf(at)) {
    const named = at.closest<HTMLElement>("[lang]:not([lang=''])")?.lang;
    // `en-GB` of the browser says how dates are written, where the page says `en`.
    const own = navigator.languages.filter((language) => language.startsWith(`${named}-`));
    if (named) return languageOf([...own, named, ...navigator.languages]);
  }
  return languageOf(navigator.languages);
}

/** Calls `changed` when a `lang` changes around the element. Returns the function that ends it. */
export function watchLanguage(element: Element, changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  const lang = { attributes: true, attributeFilter: ["lang"], subtree: true };
  for (let at: Element | undefined = element; at; at = hostOf(at)) observer.observe(at.getRootNode(), lang);
  return () => observer.disconnect();
}

/** Returns the element whose shadow root contains this one; undefined in the document itself. */
function hostOf(element: Element): Element | undefined {
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : undefined;
}
