import type { Client } from "@connectrpc/connect";
import { useSignal } from "@preact/signals";
import { type Subject, type SubjectService, Subject_State as SubjectState } from "#gen/patwarden/v1/subject_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { TextField } from "../../ui/field.js";
import { ChangeNotice } from "../../ui/notice.js";

export type SubjectChange = "disable" | "enable" | "remove";

interface SubjectDialogProps {
  readonly subject: Subject;
  readonly change: SubjectChange;
  readonly subjects: Client<typeof SubjectService>;
  /** `changed`: the subject as it is now. Undefined: nothing was done. */
  onClose(changed: Subject | undefined): void;
}

/** Says what the change stops, and makes it. A deletion asks for the name. */
export function SubjectDialog({ subject, change, subjects, onClose }: SubjectDialogProps) {
  const { words, format } = useApp();
  const texts = useAdministrationWords().operator;
  const typed = useSignal("");
  const name = subject.subject;
  const run = useChange(async (confirm) => {
    const calls = {
      disable: () => subjects.disableSubject({ subject: name }),
      enable: () => subjects.enableSubject({ subject: name }),
      remove: () => subjects.deleteSubject({ subject: name }),
    };
    const answer = await confirm(async (): Promise<{ subject?: Subject | undefined }> => calls[change]());
    onClose(answer.subject ?? subject);
  });
  const titles = { disable: texts.disableTitle, enable: texts.enableTitle, remove: texts.removeTitle };
  const count = format.number(subject.liveTokens);
  const consequence = (): string => {
    if (change === "enable") return subject.state === SubjectState.DELETED ? texts.enableDeletedText : texts.enableText;
    if (subject.liveTokens === 0) return texts.noneStops;
    return (change === "disable" ? texts.disableText : texts.removeText)(subject.liveTokens, count);
  };
  const matches = change !== "remove" || typed.value.trim() === name;
  return (
    <Dialog
      title={titles[change](name)}
      onClose={() => onClose(undefined)}
      actions={
        <>
          <Button onPress={() => onClose(undefined)}>{words.cancel}</Button>
          <Button
            kind={change === "enable" ? "main" : "danger"}
            busy={run.busy.value}
            disabled={!matches}
            onPress={() => run.run()}
          >
            {texts[change]}
          </Button>
        </>
      }
    >
      <p>{consequence()}</p>
      {change === "remove" && (
        <TextField
          label={texts.typeName}
          hint={<bdi class="mono">{name}</bdi>}
          value={typed.value}
          mono
          onChange={(text) => {
            typed.value = text;
          }}
        />
      )}
      <ChangeNotice of={run} />
    </Dialog>
  );
}
