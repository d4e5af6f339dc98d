import type { Host } from "../../app/context.js";
import { isPrefilled, type PrefillProblem, parsePrefill } from "../form/prefill.js";
import { emptyForm, type TokenForm } from "./token-form.js";

/** The name under which the form is kept over a sign-in. */
export const formName = "new";

/** The start of the form of a new token. */
export interface Opening {
  readonly form: TokenForm;
  /** Whether the form was kept over a sign-in. */
  readonly kept: boolean;
  /** The template to apply once the catalog is there. Empty: none. */
  readonly template: string;
  /** The parts of a link that were not used. Absent: no link has filled in the form. */
  readonly problems?: readonly PrefillProblem[];
}

/**
 * Returns what the form starts with: what was kept, else what a link fills in, else the host's choices. A form like
 * another token's starts empty, and takes no template.
 */
export function openingOf(
  query: URLSearchParams,
  subject: string,
  host: Pick<Host, "forms" | "organization" | "template">,
): Opening {
  const kept = host.forms.take(formName) as TokenForm | undefined; // kept by CreateView
  if (kept) return { form: kept, kept: true, template: "" };
  const form = emptyForm(query.get("for") ?? subject, query.has("for") ? "" : host.organization);
  if (query.has("from")) return { form, kept: false, template: "" };
  if (!isPrefilled(query)) return { form, kept: false, template: host.template };
  const { filled, problems } = parsePrefill(query);
  const { template = host.template, ...entries } = filled;
  return { form: { ...form, ...entries }, kept: false, template, problems };
}
