import { useSignal } from "@preact/signals";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { TextArea } from "../../ui/field.js";
import { ChangeNotice } from "../../ui/notice.js";

interface SuspendDialogProps {
  readonly token: Token;
  readonly action: "suspend" | "resume";
  /** `changed`: the token as it is now. Undefined: nothing was done. */
  onClose(changed: Token | undefined): void;
}

/** Stops a token until it is resumed, or resumes it, with a comment. */
export function SuspendDialog({ token, action, onClose }: SuspendDialogProps) {
  const { api, words, announce } = useApp();
  const texts = words.token;
  const comment = useSignal("");
  const change = useChange(async (confirm) => {
    const request = { id: token.id, comment: comment.value.trim() };
    const answer = await confirm(
      async (): Promise<{ token?: Token | undefined }> =>
        action === "suspend" ? api.tokens.suspendToken(request) : api.tokens.resumeToken(request),
    );
    announce(action === "suspend" ? texts.suspended : texts.resumed);
    onClose(answer.token ?? token);
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
      <TextArea
        label={texts.comment}
        optional={words.optional}
        maxLength={500}
        value={comment.value}
        onChange={(text) => {
          comment.value = text;
        }}
      />
      <ChangeNotice of={change} />
    </Dialog>
  );
}
