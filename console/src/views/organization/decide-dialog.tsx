import { useSignal } from "@preact/signals";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useChange } from "../../app/change.js";
import { type Host, useApp } from "../../app/context.js";
import { problemOf } from "../../app/problem.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { TextArea } from "../../ui/field.js";
import { ChangeNotice, Notice } from "../../ui/notice.js";

export type Decision = "approve" | "deny";

const formName = "decide";

interface Kept {
  readonly id: string;
  readonly decision: Decision;
  readonly comment: string;
}

/** Returns the decision that was kept over a sign-in, and forgets it. */
export function keptDecision({ forms }: Host): Kept | undefined {
  return forms.take(formName) as Kept | undefined; // kept by the dialog below
}

interface DecideDialogProps {
  readonly token: Token;
  readonly decision: Decision;
  /** The comment at first. */
  readonly comment: string;
  /** `outcome`: what was done, in words; `moved`: the token was changed meanwhile. Undefined: nothing was done. */
  onClose(outcome: string | undefined): void;
}

/** Approves the token as it was shown, or denies it, with a comment. */
export function DecideDialog({ token, decision, comment: first, onClose }: DecideDialogProps) {
  const { api, words } = useApp();
  const texts = useAdministrationWords().pending;
  const comment = useSignal(first);
  const moved = useSignal(false);
  const own = { id: token.id, comment: comment.value };
  const decide = useChange(
    async (confirm) => {
      try {
        await confirm<unknown>(() =>
          decision === "approve" ? api.tokens.approveToken({ ...own, etag: token.etag }) : api.tokens.denyToken(own),
        );
      } catch (error) {
        if (problemOf(error).reason !== "ETAG_MISMATCH") throw error;
        moved.value = true;
        return;
      }
      onClose(decision === "approve" ? texts.approved(token.name) : texts.denied(token.name));
    },
    { name: formName, entries: { ...own, decision } satisfies Kept },
  );
  const title = decision === "approve" ? texts.approveNamed(token.name) : texts.denyNamed(token.name);
  if (moved.value)
    return (
      <Dialog
        title={title}
        onClose={() => onClose("moved")}
        actions={
          <Button kind="main" onPress={() => onClose("moved")}>
            {texts.lookAgain}
          </Button>
        }
      >
        <Notice tone="warn" role="alert">
          {texts.moved}
        </Notice>
      </Dialog>
    );
  return (
    <Dialog
      title={title}
      onClose={() => onClose(undefined)}
      actions={
        <>
          <Button onPress={() => onClose(undefined)}>{words.cancel}</Button>
          <Button
            kind={decision === "approve" ? "main" : "danger"}
            busy={decide.busy.value}
            onPress={() => decide.run()}
          >
            {decision === "approve" ? texts.approve : texts.deny}
          </Button>
        </>
      }
    >
      <p>{decision === "approve" ? texts.approveText : texts.denyText}</p>
      <TextArea
        label={texts.comment}
        hint={texts.commentHint}
        optional={words.optional}
        maxLength={500}
        value={comment.value}
        onChange={(text) => {
          comment.value = text;
        }}
      />
      <ChangeNotice of={decide} />
    </Dialog>
  );
}
