import { useApp } from "../../app/context.js";
import { subjectTyped } from "../../app/subject-name.js";
import { FilterSelect } from "../../ui/filter-select.js";
import { SearchField } from "../../ui/search-field.js";
import type { KindName, Shown } from "./filters.js";

interface ListFiltersProps {
  readonly shown: Shown;
  /** Whether the tokens are of several owners. */
  readonly withOwner: boolean;
  onChange(change: Partial<Shown>): void;
}

/** Chooses the tokens that a list shows, and their order. */
export function ListFilters({ shown, withOwner, onChange }: ListFiltersProps) {
  const { words, caller } = useApp();
  const texts = words.tokens;
  const userType = caller.caller.split(":")[0] ?? "user";
  return (
    <search class="stack tight">
      <div class="filters">
        <SearchField
          label={texts.search}
          placeholder={texts.searchHint}
          value={shown.query}
          onChange={(query) => onChange({ query })}
        />
        <FilterSelect
          label={texts.show}
          value={shown.filter}
          choices={entriesOf(texts.filters)}
          onChange={(filter) => onChange({ filter })}
        />
        <FilterSelect
          label={texts.order}
          value={shown.order}
          choices={entriesOf(texts.orders)}
          onChange={(order) => onChange({ order })}
        />
      </div>
      {withOwner && (
        <details class="more-filters" open={shown.owner !== "" || shown.maker !== "" || shown.kind !== ""}>
          <summary>{texts.more}</summary>
          <div class="filters">
            <SearchField
              label={texts.owner}
              placeholder={texts.ownerHint}
              maxLength={256}
              value={shown.owner}
              onChange={(owner) => onChange({ owner: subjectTyped(owner, userType) })}
              shown
            />
            <SearchField
              label={texts.maker}
              placeholder={texts.makerHint}
              maxLength={256}
              value={shown.maker}
              onChange={(maker) => onChange({ maker: subjectTyped(maker, userType) })}
              shown
            />
            <FilterSelect<KindName | "">
              label={texts.kind}
              value={shown.kind}
              choices={[["", texts.anyKind], ...entriesOf(texts.kinds)]}
              onChange={(kind) => onChange({ kind })}
            />
          </div>
        </details>
      )}
    </search>
  );
}

/** The names of texts are those of the type. */
const entriesOf = <Name extends string>(texts: Readonly<Record<Name, string>>) =>
  Object.entries(texts) as unknown as readonly (readonly [Name, string])[];
