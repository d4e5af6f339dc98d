import { Operation, type Token } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import type { DayCount } from "../../ui/bars.js";
import { Choice } from "../../ui/field.js";
import { TokenRow } from "./token-row.js";

interface TokenTableProps {
  readonly tokens: readonly Token[];
  readonly busy: boolean;
  readonly withOwner: boolean;
  /** Returns the usage of a token; undefined until it is fetched. Absent: the table has no column for it. */
  usageOf?(id: string): readonly DayCount[] | undefined;
  isChosen(id: string): boolean;
  readonly allChosen: boolean;
  onChoose(id: string, on: boolean): void;
  onChooseAll(on: boolean): void;
  onRevoke(token: Token): void;
  onSuspend(token: Token, action: "suspend" | "resume"): void;
}

/** Whether the user may revoke the token, and so choose it. */
export const isRevocable = ({ permitted }: Token): boolean => permitted.includes(Operation.REVOKE);

/** The tokens of a list, one a row. */
export function TokenTable({ tokens, busy, withOwner, isChosen, allChosen, ...on }: TokenTableProps) {
  const { words } = useApp();
  const { usageOf, onChoose, onChooseAll, onRevoke, onSuspend } = on;
  const revocable = tokens.filter(isRevocable);
  return (
    <>
      {revocable.length > 0 && (
        <div class="choose-all">
          <Choice kind="checkbox" label={words.tokens.selectAll} checked={allChosen} onChange={onChooseAll} />
        </div>
      )}
      <table class="table tokens-table" aria-busy={busy}>
        <thead>
          <tr>
            {revocable.length === 0 ? (
              <td class="choose" />
            ) : (
              <th class="choose">
                <input
                  type="checkbox"
                  aria-label={words.tokens.selectAll}
                  checked={allChosen}
                  onChange={(event) => onChooseAll(event.currentTarget.checked)}
                />
              </th>
            )}
            <th>{words.tokens.columns.name}</th>
            <th>{words.tokens.columns.state}</th>
            <th>{words.tokens.columns.expires}</th>
            <th>{words.tokens.columns.lastUse}</th>
            {usageOf && <th>{words.tokens.columns.usage}</th>}
            <th>
              <span class="out-of-sight">{words.tokens.columns.actions}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {tokens.map((token) => (
            <TokenRow
              key={token.id}
              token={token}
              {...(usageOf && { days: usageOf(token.id) })}
              withOwner={withOwner}
              chosen={isChosen(token.id)}
              {...(isRevocable(token) && { onChoose: (on: boolean) => onChoose(token.id, on) })}
              onRevoke={() => onRevoke(token)}
              onSuspend={(action) => onSuspend(token, action)}
            />
          ))}
        </tbody>
      </table>
    </>
  );
}
