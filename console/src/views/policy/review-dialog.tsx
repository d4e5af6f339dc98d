import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Policy, UpdatePolicyRequestSchema, UpdatePolicyResponse } from "#gen/patwarden/v1/policy_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { type FormToKeep, useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { isPending, problemOf } from "../../app/problem.js";
import { Button, Link } from "../../ui/button.js";
import { Dialog } from "../../ui/dialog.js";
import { Identity } from "../../ui/identity.js";
import { ChangeNotice, Notice } from "../../ui/notice.js";
import type { PolicyFieldName } from "../../words/administration.js";
import { enteredValue, type PolicyDraft, valueIn } from "./policy-draft.js";
import { policyValueText } from "./policy-text.js";

type Request = Extract<MessageInitShape<typeof UpdatePolicyRequestSchema>, { $typeName?: never }>;

/** A change of a policy, and what it would do. */
export interface Preview {
  readonly request: Request;
  /** How many tokens it would block. */
  readonly blocked: number;
  /** Ids of the newest of them. */
  readonly blockedIds: readonly string[];
}

interface ReviewDialogProps {
  readonly preview: Preview;
  readonly fields: readonly PolicyFieldName[];
  readonly before: Policy | undefined;
  readonly draft: PolicyDraft;
  save(request: Request): Promise<UpdatePolicyResponse>;
  /** Kept over a sign-in. */
  readonly form: FormToKeep;
  /** `moved`: somebody else has changed the policy. Undefined: nothing was saved. */
  onClose(outcome: UpdatePolicyResponse | "moved" | undefined): void;
}

/** How many of the blocked tokens are shown by name. */
const mostNamed = 10;

/** Shows what changes and which tokens that blocks, and saves it. */
export function ReviewDialog({ preview, fields, before, draft, form, save, onClose }: ReviewDialogProps) {
  const { api, words, format } = useApp();
  const texts = useAdministrationWords().policy;
  const ids = preview.blockedIds.slice(0, mostNamed);
  const blocked = useLoad(ids.length === 0 ? undefined : ids.join(" "), (signal) =>
    Promise.all(ids.map(async (id) => (await api.tokens.getToken({ id }, { signal })).token)),
  );
  const store = useChange(async (confirm) => {
    let request = preview.request;
    try {
      const answer = await confirm(async () => {
        try {
          return await save(request);
        } catch (error) {
          // The change itself makes the etag stale.
          if (isPending(problemOf(error))) request = { ...request, policy: { ...request.policy, etag: "" } };
          throw error;
        }
      });
      onClose(answer);
    } catch (error) {
      if (problemOf(error).reason !== "ETAG_MISMATCH") throw error;
      onClose("moved");
    }
  }, form);
  const count = format.number(preview.blocked);
  const text = (field: PolicyFieldName, value: ReturnType<typeof enteredValue>) =>
    policyValueText(field, value, texts, format);
  const rest = preview.blocked - ids.length;
  return (
    <Dialog
      title={texts.reviewTitle}
      onClose={() => onClose(undefined)}
      actions={
        <>
          <Button onPress={() => onClose(undefined)}>{words.cancel}</Button>
          <Button kind={preview.blocked > 0 ? "danger" : "main"} busy={store.busy.value} onPress={() => store.run()}>
            {preview.blocked > 0 ? texts.confirmBlocking(preview.blocked, count) : texts.confirm}
          </Button>
        </>
      }
    >
      <table class="table compare">
        <thead>
          <tr>
            <th>
              <span class="out-of-sight">{words.edit.review}</span>
            </th>
            <th>{texts.before}</th>
            <th>{texts.after}</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr key={field}>
              <th scope="row">{texts.fields[field][0]}</th>
              <td class="before" data-label={texts.before}>
                <bdi>{text(field, valueIn(before, field))}</bdi>
              </td>
              <td class="now" data-label={texts.after}>
                <bdi>{text(field, enteredValue(draft, field))}</bdi>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Notice tone={preview.blocked > 0 ? "warn" : "good"}>
        {preview.blocked > 0 ? texts.blocks(preview.blocked, count) : texts.blocksNone}
      </Notice>
      {ids.length > 0 && (
        <section class="stack tight">
          <h3>{texts.blocked}</h3>
          <ul>
            {ids.map((id, at) => {
              const token = blocked.value.value?.[at];
              return (
                <li key={id}>
                  <Link to={`/tokens/${id}`}>
                    <bdi>{token?.name ?? id}</bdi>
                  </Link>
                  {token && (
                    <span class="soft">
                      {" · "}
                      <Identity name={token.subject} />
                    </span>
                  )}
                </li>
              );
            })}
            {rest > 0 && <li class="soft">{texts.blockedMore(rest, format.number(rest))}</li>}
          </ul>
        </section>
      )}
      <ChangeNotice of={store} />
    </Dialog>
  );
}
