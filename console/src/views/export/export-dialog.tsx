import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useApp } from "../../app/context.js";
import { useAction } from "../../app/load.js";
import { patiently } from "../../app/patiently.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { Choice, FieldGroup } from "../../ui/field.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";
import type { Filter } from "../tokens/filters.js";
import { type ExportFormat, exportHead, exportLines } from "./export.js";

interface ExportDialogProps {
  readonly filter: Filter;
  readonly order: string;
  /** How many tokens match. Undefined: not known. */
  readonly total: number | undefined;
  onClose(): void;
}

const pageSize = 500;

/** Fetches all tokens that match, page by page, and saves them as a file. */
export function ExportDialog({ filter, order, total, onClose }: ExportDialogProps) {
  const { api, words, format, announce } = useApp();
  const texts = words.exports;
  const kind = useSignal<ExportFormat>("csv");
  const fetched = useSignal<number | undefined>(undefined);
  const file = useSignal<string | undefined>(undefined);
  const running = useRef<AbortController>(undefined);
  useEffect(
    () => () => {
      running.current?.abort();
      if (file.value !== undefined) URL.revokeObjectURL(file.value);
    },
    [],
  );
  const start = useAction(async () => {
    const own = new AbortController();
    running.current = own;
    const parts = [exportHead(kind.value)];
    fetched.value = 0;
    let pageToken = "";
    do {
      const request = { ...filter, orderBy: order, pageSize, pageToken };
      const answer = await patiently(() => api.tokens.listTokens(request, { signal: own.signal }), {
        longest: 30_000,
        signal: own.signal,
      });
      parts.push(exportLines(kind.value, answer.tokens));
      fetched.value += answer.tokens.length;
      pageToken = answer.nextPageToken;
    } while (pageToken !== "");
    const type = kind.value === "csv" ? "text/csv" : "application/x-ndjson";
    file.value = URL.createObjectURL(new Blob(parts, { type }));
    announce(texts.done(fetched.value, format.number(fetched.value)));
    save();
  });
  const save = () => {
    const link = document.createElement("a");
    link.href = file.value ?? "";
    link.download = `tokens.${kind.value}`;
    link.click();
  };
  const count = fetched.value ?? 0;
  return (
    <Dialog
      title={texts.title}
      onClose={onClose}
      actions={
        file.value === undefined ? (
          <>
            <Button onPress={onClose}>{words.cancel}</Button>
            <Button kind="main" icon="download" busy={start.busy.value} onPress={() => start.run()}>
              {texts.start}
            </Button>
          </>
        ) : (
          <>
            <Button onPress={save}>{texts.again}</Button>
            <Button kind="main" onPress={onClose}>
              {words.close}
            </Button>
          </>
        )
      }
    >
      <p>{total === undefined ? texts.textUnknown : texts.text(total, format.number(total))}</p>
      {fetched.value === undefined ? (
        <FieldGroup label={texts.format}>
          {(["csv", "ndjson"] as const).map((name) => (
            <Choice
              key={name}
              kind="radio"
              name="export-format"
              label={texts[name]}
              hint={texts[`${name}Hint`]}
              checked={kind.value === name}
              onChange={() => {
                kind.value = name;
              }}
            />
          ))}
        </FieldGroup>
      ) : file.value === undefined ? (
        <label class="field">
          <progress {...(total !== undefined && total > 0 && { value: Math.min(count, total), max: total })} />
          <span class="soft">
            {total === undefined
              ? texts.progressUnknown(format.number(count))
              : texts.progress(format.number(count), format.number(total))}
          </span>
        </label>
      ) : (
        <Notice tone="good">{texts.done(count, format.number(count))}</Notice>
      )}
      <ProblemNotice problem={start.problem.value} onRetry={() => start.run()} />
    </Dialog>
  );
}
