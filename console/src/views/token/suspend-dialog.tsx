import { useSignal } from "@preact/signals";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { useAction } from "../../app/load.js";
import { problemOf, stepUpOf } from "../../app/problem.js";
import { untilConfirmed } from "../../app/until-confirmed.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { Field } from "../../ui/field.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";

interface SuspendDialogProps {
  readonly token: Token;
  readonly action: "suspend" | "resume";
  /** `changed`: the token as it is now. Undefined: nothing was done. */
  onClose(changed: Token | undefined): void;
}

/** Stops a token until it is resumed, or resumes it, with a comment. */
export function SuspendDialog({ token, action, onClose }: SuspendDialogProps) {
  const { api, host, words, announce } = useApp();
  const texts = words.token;
  const comment = useSignal("");
  const pending = useSignal(false);
  const change = useAction(async () => {
    const request = { id: token.id, comment: comment.value.trim() };
    try {
      const answer = await untilConfirmed(
        async (): Promise<{ token?: Token | undefined }> =>
          action === "suspend" ? api.tokens.suspendToken(request) : api.tokens.resumeToken(request),
        () => {
          pending.value = true;
        },
      );
      announce(action === "suspend" ? texts.suspended : texts.resumed);
      onClose(answer.token ?? token);
    } catch (error) {
      const needed = stepUpOf(problemOf(error));
      if (needed) host.signIn(needed);
      throw error;
    }
  });
  return (
    <Dialog
      title={`${texts[action]}: ${token.name}`}
      onClose={() => onClose(undefined)}
      actions={
        <>
          <Button onPress={() => onClose(undefined)}>{words.cancel}</Button>
          <Button kind="main" busy={change.busy.value} onPress={() => change.run()}>
            {texts[action]}
          </Button>
        </>
      }
    >
      {action === "suspend" && <p>{texts.suspendText}</p>}
      <Field label={texts.comment} optional={words.optional}>
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
      {pending.value && <Notice tone="accent">{texts.confirming}</Notice>}
      <ProblemNotice problem={change.problem.value} />
    </Dialog>
  );
}
