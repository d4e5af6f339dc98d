import { useSignal } from "@preact/signals";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { type Host, useApp } from "../../app/context.js";
import { useAction } from "../../app/load.js";
import { problemOf, stepUpOf } from "../../app/problem.js";
import { untilConfirmed } from "../../app/until-confirmed.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { Field } from "../../ui/field.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";

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
  const { api, words, host, announce } = useApp();
  const texts = useAdministrationWords().pending;
  const comment = useSignal(first);
  const pending = useSignal(false);
  const moved = useSignal(false);
  const decide = useAction(async () => {
    const own = { id: token.id, comment: comment.value };
    const call = () =>
      decision === "approve" ? api.tokens.approveToken({ ...own, etag: token.etag }) : api.tokens.denyToken(own);
    try {
      await untilConfirmed<unknown>(call, () => {
        pending.value = true;
        announce(words.revoke.pending);
      });
    } catch (error) {
      const problem = problemOf(error);
      const needed = stepUpOf(problem);
      if (problem.reason === "ETAG_MISMATCH") moved.value = true;
      else if (needed) {
        host.forms.keep(formName, { ...own, decision } satisfies Kept);
        host.signIn(needed);
      } else throw error;
      return;
    }
    onClose(decision === "approve" ? texts.approved(token.name) : texts.denied(token.name));
  });
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
      <Field label={texts.comment} hint={texts.commentHint} optional={words.optional}>
        {(ids) => (
          <textarea
            {...ids}
            maxLength={500}
            value={comment.value}
            onInput={(event) => {
              comment.value = event.currentTarget.value;
            }}
          />
        )}
      </Field>
      {pending.value && <Notice tone="accent">{words.revoke.pending}</Notice>}
      <ProblemNotice problem={decide.problem.value} />
    </Dialog>
  );
}
