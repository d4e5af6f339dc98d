import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useSignal } from "@preact/signals";
import { RevocationReason, RevokedToken_Result, type RevokeTokensRequestSchema } from "#gen/patwarden/v1/token_pb.js";
import { type FormToKeep, useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { TextField } from "../../ui/field.js";
import { ChangeNotice, Notice } from "../../ui/notice.js";
import { dateOf } from "../../ui/time.js";
import type { Filter } from "./filters.js";

/** The tokens to revoke together: chosen ones, all that match a filter, or all of the deployment. */
export type BulkTarget =
  | { readonly ids: readonly string[] }
  | { readonly filter: Filter; readonly count: number }
  | { readonly everything: true; readonly createdBefore: Date | undefined; readonly count: number };

interface BulkRevokeProps {
  readonly target: BulkTarget;
  /** Default: on request. */
  readonly reason?: RevocationReason;
  /** Kept over a sign-in. Absent: nothing. */
  readonly form?: FormToKeep;
  /** `result`: what was done, in words. Undefined: nothing. */
  onClose(result: string | undefined): void;
}

const mostIds = 500;

/** Asks for the number of tokens, and revokes them in one call. */
export function BulkRevoke({ target, reason, form, onClose }: BulkRevokeProps) {
  const { api, host, words, format, announce } = useApp();
  const texts = words.bulk;
  const count = useSignal("ids" in target ? target.ids.length : target.count);
  const typed = useSignal("");
  const changed = useSignal<number | undefined>(undefined);
  const result = useSignal<readonly string[] | undefined>(undefined);
  const revoke = useChange(async (confirm) => {
    const request = {
      ...requestOf(target),
      reason: reason ?? RevocationReason.REQUESTED,
      // Each chosen token has a result of its own.
      ...(!("ids" in target) && { expectedCount: count.value }),
    };
    if (!("ids" in target)) {
      const now = await api.tokens
        .revokeTokens({ ...request, expectedCount: 0, validateOnly: true })
        .catch(() => undefined);
      if (now && now.count !== count.value) {
        count.value = now.count;
        changed.value = now.count;
        typed.value = "";
        return;
      }
    }
    let attempts = 0;
    const answer = await confirm(() => {
      attempts += 1;
      return api.tokens.revokeTokens(request);
    });
    const counted = (wanted: RevokedToken_Result) => answer.results.filter(({ result: own }) => own === wanted).length;
    const line = (n: number, text: (n: number, shown: string) => string) => (n > 0 ? [text(n, format.number(n))] : []);
    const before = counted(RevokedToken_Result.REVOKED_BEFORE);
    // The answer to a repeat no longer tells which tokens the first call has ended.
    const repeated = attempts > 1;
    const ended = !repeated ? answer.count : "ids" in target ? answer.count + before : count.value;
    const wasRevoked = (own: RevokedToken_Result) =>
      own === RevokedToken_Result.REVOKED || (repeated && own === RevokedToken_Result.REVOKED_BEFORE);
    for (const { id, result: own } of answer.results) if (wasRevoked(own)) host.changed("revoked", { id, name: "" });
    result.value = [
      texts.done(ended, format.number(ended)),
      ...line(repeated ? 0 : before, texts.before),
      ...line(counted(RevokedToken_Result.FORBIDDEN), texts.forbidden),
      ...line(counted(RevokedToken_Result.NOT_FOUND), texts.notFound),
    ];
    const until = dateOf(answer.residualUntil);
    if (until) result.value = [...result.value, words.revoke.residual(format.dateTime(until))];
    announce(result.value.join(" "));
  }, form);
  const shown = format.number(count.value);
  if (result.value) {
    const text = result.value.join(" ");
    return (
      <Dialog
        title={texts.title(count.value, shown)}
        onClose={() => onClose(text)}
        actions={
          <Button kind="main" onPress={() => onClose(text)}>
            {words.close}
          </Button>
        }
      >
        <Notice tone="good">
          {result.value.map((line) => (
            <p key={line}>{line}</p>
          ))}
        </Notice>
      </Dialog>
    );
  }
  const tooMany = "ids" in target && target.ids.length > mostIds;
  const matches = typed.value.replaceAll(/\D/g, "") === String(count.value);
  return (
    <Dialog
      title={texts.title(count.value, shown)}
      onClose={() => onClose(undefined)}
      actions={
        <>
          <Button onPress={() => onClose(undefined)}>{words.cancel}</Button>
          <Button kind="danger" busy={revoke.busy.value} disabled={!matches || tooMany} onPress={() => revoke.run()}>
            {texts.confirm(count.value, shown)}
          </Button>
        </>
      }
    >
      <p>{texts.text}</p>
      {tooMany && <Notice tone="warn">{texts.tooMany}</Notice>}
      {changed.value !== undefined && <Notice tone="warn">{texts.changed(format.number(changed.value))}</Notice>}
      <TextField
        label={texts.typeCount(shown)}
        value={typed.value}
        numeric
        onChange={(text) => {
          typed.value = text;
        }}
      />
      <ChangeNotice of={revoke} />
    </Dialog>
  );
}

/** Returns the tokens to revoke as RevokeTokens takes them. */
function requestOf(target: BulkTarget): MessageInitShape<typeof RevokeTokensRequestSchema> {
  if ("ids" in target) return { target: { case: "ids", value: { ids: [...target.ids] } } };
  if ("filter" in target) return { target: { case: "filter", value: target.filter } };
  const { createdBefore } = target;
  return {
    target: { case: "everything", value: true },
    ...(createdBefore && { createdBefore: timestampFromDate(createdBefore) }),
  };
}
