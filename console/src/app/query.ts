import type { Router } from "./router.js";

/** Changes parameters of the present route, without an entry in the history. An empty value removes a parameter. */
export function changeQuery(
  { route, go }: Pick<Router, "route" | "go">,
  changes: Readonly<Record<string, string>>,
): void {
  const { path, query } = route.value;
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  go(text === "" ? path : `${path}?${text}`, "replace");
}
