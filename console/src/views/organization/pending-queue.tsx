import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useCatalog } from "../../app/catalog.js";
import { useApp } from "../../app/context.js";
import { usePages } from "../../app/load.js";
import { Button } from "../../ui/button.js";
import { Icon } from "../../ui/icon.js";
import { Loaded } from "../../ui/loaded.js";
import { Notice } from "../../ui/notice.js";
import { DecideDialog, type Decision, keptDecision } from "./decide-dialog.js";
import { PendingToken } from "./pending-token.js";

interface PendingQueueProps {
  readonly organization: string;
  /** Whether the user may approve in this organization at all. */
  readonly mayApprove: boolean;
  /** Called after each decision. */
  onDecided(): void;
}

/** The tokens of an organization that wait for approval, the oldest first. */
export function PendingQueue({ organization, mayApprove, onDecided }: PendingQueueProps) {
  const { api, words, host, announce } = useApp();
  const texts = useAdministrationWords().pending;
  const pending = usePages<Token>(organization, async (pageToken, signal) => {
    const states = [Token_State.PENDING_APPROVAL];
    const answer = await api.tokens.listTokens({ organization, states, orderBy: "create_time", pageToken }, { signal });
    return { items: answer.tokens, next: answer.nextPageToken };
  });
  // In words only: where the catalog is not available, actions have their own names.
  const catalog = useCatalog();
  const done = useSignal("");
  const deciding = useSignal<{ readonly token: Token; readonly decision: Decision } | undefined>(undefined);
  const kept = useSignal(useMemo(() => keptDecision(host), []));
  const items = pending.value.value;
  // After a sign-in: the dialog opens again as it was.
  const continued = kept.value && items?.find(({ id }) => id === kept.value?.id);
  const open = deciding.value ?? (continued && kept.value && { token: continued, decision: kept.value.decision });
  return (
    <div class="stack">
      {done.value !== "" && <Notice tone="good">{done.value}</Notice>}
      <Loaded of={pending}>
        {(tokens) =>
          tokens.length === 0 ? (
            <div class="empty">
              <Icon name="check" />
              <h2>{texts.nothing}</h2>
              <p class="soft">{texts.nothingText}</p>
            </div>
          ) : (
            <ul class="stack">
              {tokens.map((token) => (
                <li key={token.id}>
                  <PendingToken
                    token={token}
                    catalog={catalog.value.value}
                    mayApprove={mayApprove}
                    onDecide={(decision) => {
                      done.value = "";
                      deciding.value = { token, decision };
                    }}
                  />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {pending.more.value && (
        <Button busy={pending.busy.value} onPress={pending.fetchMore}>
          {words.showMore}
        </Button>
      )}
      {open && (
        <DecideDialog
          token={open.token}
          decision={open.decision}
          comment={deciding.value ? "" : (kept.value?.comment ?? "")}
          onClose={(outcome) => {
            deciding.value = undefined;
            kept.value = undefined;
            if (outcome === undefined) return;
            if (outcome === "moved") pending.reload();
            else {
              pending.change((all) => all.filter(({ id }) => id !== open.token.id));
              done.value = outcome;
              announce(outcome);
            }
            onDecided();
          }}
        />
      )}
    </div>
  );
}
