import { useSignal } from "@preact/signals";
import { RevocationReason, type Token } from "#gen/patwarden/v1/token_pb.js";
import { useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, TextField } from "../../ui/field.js";
import { ChangeNotice, Notice } from "../../ui/notice.js";
import { dateOf } from "../../ui/time.js";

interface RevokeDialogProps {
  readonly token: Token;
  /** Whether a leak is chosen as the reason at first. Default false. */
  readonly leaked?: boolean;
  /** `done`: the token as it is now, once it was revoked. */
  onClose(done: Token | undefined): void;
}

/** Asks for the token's name, unless a secret leaked; revokes it, and says when every server has confirmed that. */
export function RevokeDialog({ token, leaked: leakedFirst = false, onClose }: RevokeDialogProps) {
  const { api, words, format, host, announce } = useApp();
  const texts = words.revoke;
  const typed = useSignal("");
  const leaked = useSignal(leakedFirst);
  const done = useSignal<{ token: Token; until: Date | undefined } | undefined>(undefined);
  const revoke = useChange(async (confirm) => {
    const reason = leaked.value ? RevocationReason.LEAKED : RevocationReason.REQUESTED;
    const answer = await confirm(() => api.tokens.revokeToken({ id: token.id, reason }));
    done.value = { token: answer.token ?? token, until: dateOf(answer.residualUntil) };
    announce(texts.done);
    host.changed("revoked", token);
  });
  const lastUse = dateOf(token.lastUseTime);
  if (done.value) {
    const { token: ended, until } = done.value;
    const close = () => onClose(ended);
    return (
      <Dialog
        title={texts.title(token.name)}
        onClose={close}
        actions={
          <Button kind="main" onPress={close}>
            {words.close}
          </Button>
        }
      >
        <Notice tone="good">
          <p>{texts.done}</p>
          {until && <p>{texts.residual(format.dateTime(until))}</p>}
        </Notice>
      </Dialog>
    );
  }
  // A leak is no time to type.
  const matches = leaked.value || typed.value.trim() === token.name.trim();
  return (
    <Dialog
      title={texts.title(token.name)}
      onClose={() => onClose(undefined)}
      actions={
        <>
          <Button onPress={() => onClose(undefined)}>{words.cancel}</Button>
          <Button kind="danger" busy={revoke.busy.value} disabled={!matches} onPress={() => revoke.run()}>
            {texts.confirm}
          </Button>
        </>
      }
    >
      <p>{texts.text}</p>
      <p class="soft">{lastUse ? texts.lastUse(format.relative(lastUse, new Date())) : texts.unused}</p>
      {!leaked.value && (
        <TextField
          label={texts.typeName}
          hint={<bdi class="mono">{token.name}</bdi>}
          value={typed.value}
          mono
          onChange={(text) => {
            typed.value = text;
          }}
          onEnter={() => {
            if (matches) revoke.run();
          }}
        />
      )}
      <Choice
        kind="checkbox"
        label={texts.leaked}
        hint={texts.leakedHint}
        checked={leaked.value}
        onChange={(on) => {
          leaked.value = on;
        }}
      />
      <ChangeNotice of={revoke} />
    </Dialog>
  );
}
