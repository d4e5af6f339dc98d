import type { GetTokenSummaryResponse } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { countOf, type FilterName } from "./filters.js";

interface TilesProps {
  readonly summary: GetTokenSummaryResponse;
  readonly current: FilterName;
  onChoose(name: FilterName): void;
}

/** How many tokens there are of each kind that matters; a press shows them. Kinds without tokens are left out. */
export function Tiles({ summary, current, onChoose }: TilesProps) {
  const { words, format } = useApp();
  const tiles: readonly (readonly [FilterName, string])[] = [
    ["current", ""],
    ["pending", "warn"],
    ["expiring", "warn"],
    ["unused", ""],
    ["never", ""],
    ["full", ""],
    ["blocked", "warn"],
    ["suspended", ""],
  ];
  return (
    <section class="tiles" aria-label={words.tokens.tiles}>
      {tiles
        .map(([name, tone]) => [name, countOf(name, summary), tone] as const)
        .filter(([name, count]) => count > 0 || name === "current")
        .map(([name, count, tone]) => (
          <button
            type="button"
            key={name}
            class={`tile ${tone}`}
            aria-pressed={current === name}
            onClick={() => onChoose(current === name ? "current" : name)}
          >
            <strong>{format.number(count)}</strong>
            <span>{words.tokens.filters[name]}</span>
          </button>
        ))}
    </section>
  );
}
