/** Returns a function that chooses between the texts for one and for more, by the rules of a language. */
export function counted(locale: string): (count: number, one: string, more: string) => string {
  const rules = new Intl.PluralRules(locale);
  return (count, one, more) => (rules.select(count) === "one" ? one : more);
}
