/** The details of an event, in the order that people read them. */
export interface EventDetails {
  /** Fields with their values before and after. */
  readonly changes: readonly { readonly field: string; readonly before: string; readonly after: string }[];
  /** Everything else, by name. */
  readonly facts: readonly (readonly [string, string])[];
}

/** Sorts the details of an event into changes and facts. */
export function detailsOf(details: Readonly<Record<string, string>>): EventDetails {
  const names = Object.keys(details).sort();
  const changed = [...new Set(names.flatMap((name) => /^(.+)\.(?:before|after)$/.exec(name)?.[1] ?? []))];
  const text = (name: string) => details[name] ?? "";
  return {
    changes: changed.map((field) => ({ field, before: text(`${field}.before`), after: text(`${field}.after`) })),
    facts: names.filter((name) => !/\.(?:before|after)$/.test(name)).map((name) => [name, text(name)]),
  };
}

/** Returns the names of tokens as events tell them, the newest name of each; `events` begins with the newest. */
export function tokenNames(
  events: readonly { readonly tokenId: string; readonly details: Readonly<Record<string, string>> }[],
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { tokenId, details } of events) {
    const name = details["name.after"];
    if (name !== undefined && !names.has(tokenId)) names.set(tokenId, name);
  }
  return names;
}
