import { type AdministrationWords, administrationWords } from "../words/administration.js";
import { useApp } from "./context.js";

/** Returns the texts of the views that only the page has, in the user's language. */
export const useAdministrationWords = (): AdministrationWords => administrationWords(useApp().format.locale);
