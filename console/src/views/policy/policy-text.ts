import type { Format } from "../../app/format.js";
import type { AdministrationWords, PolicyFieldName } from "../../words/administration.js";
import { exactUnit, type PolicyValue } from "./policy-draft.js";

/** Returns the value of a field in words: `on`, `36 hours`, `viewer, editor`, `no limit`. */
export function policyValueText(
  field: PolicyFieldName,
  value: PolicyValue | "wrong",
  texts: AdministrationWords["policy"],
  { locale }: Pick<Format, "locale">,
): string {
  if (typeof value === "boolean") return value ? texts.on : texts.off;
  if (typeof value === "number") {
    const [amount, unit] = exactUnit(value);
    return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(amount);
  }
  return Array.isArray(value) && value.length > 0 ? value.join(", ") : (texts.unlimited[field] ?? "");
}
