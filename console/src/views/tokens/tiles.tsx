import type { GetTokenSummaryResponse } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import type { FilterName } from "./filters.js";

interface TilesProps {
  readonly summary: GetTokenSummaryResponse;
  readonly current: FilterName;
  onChoose(name: FilterName): void;
}

/** How many tokens there are of each kind that matters; a press shows them. Kinds without tokens are left out. */
export function Tiles({ summary, current, onChoose }: TilesProps) {
  const { words, format } = useApp();
  const tiles: readonly (readonly [FilterName, number, string])[] = [
    ["working", summary.active + summary.pendingApproval + summary.suspended, ""],
    ["pending", summary.pendingApproval, "warn"],
    ["expiring", summary.expiring, "warn"],
    ["unused", summary.unused, ""],
    ["never", summary.neverExpires, ""],
    ["full", summary.full, ""],
    ["blocked", summary.blocked, "warn"],
    ["suspended", summary.suspended, ""],
  ];
  return (
    <section class="tiles" aria-label={words.tokens.tiles}>
      {tiles
        .filter(([name, count]) => count > 0 || name === "working")
        .map(([name, count, tone]) => (
          <button
            type="button"
            key={name}
            class={`tile ${tone}`}
            aria-pressed={current === name}
            onClick={() => onChoose(current === name ? "working" : name)}
          >
            <strong>{format.number(count)}</strong>
            <span>{words.tokens.filters[name]}</span>
          </button>
        ))}
    </section>
  );
}
