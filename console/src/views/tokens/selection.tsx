import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";

interface SelectionProps {
  /** How many tokens are chosen. */
  readonly count: number;
  /** Whether these are all that match the filters, also those that the list does not show yet. */
  readonly allMatching: boolean;
  /** How many match, where all that the list shows are chosen. */
  readonly total?: number;
  onAllMatching(): void;
  onClear(): void;
  onRevoke(): void;
}

/** How many tokens are chosen, and what may be done with them together. */
export function Selection({ count, allMatching, total, onAllMatching, onClear, onRevoke }: SelectionProps) {
  const { words, format } = useApp();
  const shown = format.number(count);
  return (
    <div class="selection">
      <strong>{allMatching ? words.tokens.allMatching(shown) : words.tokens.selected(count, shown)}</strong>
      {!allMatching && total !== undefined && total > count && (
        <Button kind="plain" onPress={onAllMatching}>
          {words.tokens.selectMatching(format.number(total))}
        </Button>
      )}
      <Button kind="plain" onPress={onClear}>
        {words.tokens.clearSelection}
      </Button>
      <Button kind="danger" onPress={onRevoke}>
        {words.tokens.revokeSelected}
      </Button>
    </div>
  );
}
