import { useApp } from "../../app/context.js";
import { subjectTyped } from "../../app/subject-name.js";
import { SearchField } from "../../ui/search-field.js";
import type { FilterName, KindName, OrderName, Shown } from "./filters.js";

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
        <label class="field">
          <span class="hint">{texts.show}</span>
          <select
            value={shown.filter}
            onChange={(event) => onChange({ filter: event.currentTarget.value as FilterName })}
          >
            {Object.entries(texts.filters).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span class="hint">{texts.order}</span>
          <select value={shown.order} onChange={(event) => onChange({ order: event.currentTarget.value as OrderName })}>
            {Object.entries(texts.orders).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
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
            <label class="field">
              <span class="hint">{texts.kind}</span>
              <select
                value={shown.kind}
                onChange={(event) => onChange({ kind: event.currentTarget.value as KindName | "" })}
              >
                <option value="">{texts.anyKind}</option>
                {Object.entries(texts.kinds).map(([name, text]) => (
                  <option key={name} value={name}>
                    {text}
                  </option>
                ))}
              </select>
            </label>
          </div>
        </details>
      )}
    </search>
  );
}
