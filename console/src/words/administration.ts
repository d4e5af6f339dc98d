import { administrationDe } from "./administration-de.js";
import { type AdministrationWords, administrationEn } from "./administration-en.js";

export type { AdministrationWords, PolicyFieldName } from "./administration-en.js";

/** Returns the texts of the views that only the page has. `locale`: BCP 47, such as `de-AT`. */
export const administrationWords = (locale: string): AdministrationWords =>
  locale.toLowerCase().split("-")[0] === "de" ? administrationDe : administrationEn;
