import { durationMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useCatalog } from "../../app/catalog.js";
import { useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { isPending, problemOf } from "../../app/problem.js";
import { fieldText } from "../../app/problem-text.js";
import { Button } from "../../ui/button.js";
import { Choice, TextArea, TextField } from "../../ui/field.js";
import { ChangeNotice, Notice } from "../../ui/notice.js";
import { dateOf } from "../../ui/time.js";
import { type FormField, fieldOf } from "../create/token-form.js";
import { type Expiry, endingOf } from "../form/expiry.js";
import { ExpiryField } from "../form/expiry-field.js";
import { gapsOf, grantOf } from "../form/grant-draft.js";
import { GrantEditor } from "../form/grant-editor.js";
import { lifetimeLimits, useCreationLimits } from "../form/limits.js";
import { parseNetworks, wrongNetwork } from "../form/networks.js";
import { changedFields, type EditForm, editFormOf } from "./changes.js";
import { EditReview } from "./edit-review.js";

interface EditTokenProps {
  readonly token: Token;
  onReload(): void;
  onCancel(): void;
  onSaved(token: Token): void;
}

type Entries = Omit<EditForm, "end"> & { readonly expiry?: Expiry };

/** Changes a token: the fields, and beside them what changes and whether it must be approved again. */
export function EditToken({ token, onReload, onCancel, onSaved }: EditTokenProps) {
  const app = useApp();
  const { api, host, words, format, announce } = app;
  const texts = words.edit;
  const formName = `edit ${token.id}`;
  const form = useSignal<Entries>((host.forms.take(formName) as Entries | undefined) ?? editFormOf(token));
  const tried = useSignal(false);
  const approval = useSignal(false);
  const catalog = useCatalog(token.subject);
  const creation = useCreationLimits(token.subject, token.organization);
  const policy = creation.value.value?.limits;
  const now = new Date();
  const limits = limitsFromSecret();
  const { expiry, ...entries } = form.value;
  const ending = expiry && endingOf(expiry, limits, { now, zone: format.zone });
  const next: EditForm = { ...entries, ...(ending?.ok && { end: ending.time ?? null }) };
  const changed = changedFields(token, next);
  const gaps = gapsOf(next.grant);
  const wrong = wrongNetwork(parseNetworks(next.networks));
  const complete =
    changed.length > 0 && gaps.length === 0 && wrong === undefined && next.name.trim() !== "" && ending?.ok !== false;
  const change = (part: Partial<Entries>) => {
    form.value = { ...form.value, ...part };
  };

  /** A lifetime counts from the current secret, not from now. */
  function limitsFromSecret() {
    const all = lifetimeLimits(creation.value.value);
    const made = token.secrets[0]?.createTime;
    const most = policy?.maxLifetime;
    if (!made || !most) return all;
    // A minute is left for the clock of this machine.
    const left = timestampDate(made).getTime() + durationMs(most) - now.getTime() - 60_000;
    return { mustEnd: all.mustEnd, mostMs: Math.max(0, left) };
  }
  const requestOf = (etag: string) => ({
    token: {
      id: token.id,
      etag,
      name: next.name.trim(),
      description: next.description.trim(),
      justification: next.justification.trim(),
      grant: grantOf(next.grant),
      allowedCidrs: [...parseNetworks(next.networks)],
      selfRotate: next.selfRotate,
      ...(next.end instanceof Date && { expireTime: timestampFromDate(next.end) }),
      neverExpires: next.end === null,
    },
    updateMask: { paths: [...changed] },
  });
  const key = complete ? JSON.stringify([next, changed]) : "";
  useEffect(() => {
    approval.value = false;
    if (key === "") return;
    const own = new AbortController();
    const timer = setTimeout(() => {
      api.tokens.updateToken({ ...requestOf(token.etag), validateOnly: true }, { signal: own.signal }).then(
        ({ token: would }) => {
          approval.value =
            would?.state === Token_State.PENDING_APPROVAL && token.state !== Token_State.PENDING_APPROVAL;
        },
        () => undefined,
      );
    }, 400);
    return () => {
      clearTimeout(timer);
      own.abort();
    };
  }, [key]);

  const save = useChange(
    async (confirm) => {
      let etag = token.etag;
      const answer = await confirm(async () => {
        try {
          return await api.tokens.updateToken(requestOf(etag));
        } catch (error) {
          if (isPending(problemOf(error))) etag = await etagOfStored();
          throw error;
        }
      });
      announce(texts.done);
      if (answer.token) onSaved(answer.token);
      onCancel();
    },
    { name: formName, entries: form.value },
  );
  /** Returns the etag of the stored change, so that the repeat waits for it; a change of others is not overwritten. */
  async function etagOfStored(): Promise<string> {
    const { token: stored } = await api.tokens.getToken({ id: token.id });
    return stored && changedFields(stored, next).length === 0 ? stored.etag : token.etag;
  }
  const problem = save.problem.value;
  const refused = (field: FormField): string | undefined =>
    problem?.fields
      .filter((own) => fieldOf(own) === field)
      .map((own) => fieldText(own, app))
      .join(" ") || undefined;
  const submit = () => {
    tried.value = true;
    if (complete) save.run();
  };
  const end = dateOf(token.expireTime);
  return (
    <>
      <h1>{texts.title(token.name)}</h1>
      <form
        class="with-side"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <fieldset class="stack roomy" disabled={save.busy.value}>
          <TextField
            label={words.create.name}
            error={next.name.trim() === "" ? words.create.nameMissing : refused("name")}
            maxLength={100}
            value={next.name}
            onChange={(text) => change({ name: text })}
          />
          <TextField
            label={words.create.description}
            optional={words.optional}
            error={refused("description")}
            maxLength={500}
            value={next.description}
            onChange={(text) => change({ description: text })}
          />
          <GrantEditor
            grant={next.grant}
            catalog={catalog.value.value}
            subject={token.subject}
            fullForbidden={policy?.forbidFull === true}
            allowedActions={policy?.allowedActions ?? []}
            gaps={tried.value ? gaps : []}
            error={refused("grant")}
            onChange={(grant) => change({ grant })}
          />
          <ExpiryField
            expiry={expiry}
            limits={limits}
            error={refused("expiry")}
            keep={{
              text: end ? words.rotate.expiresKeep(format.dateTime(end)) : words.rotate.expiresKeepNever,
              onChoose: () => {
                form.value = entries;
              },
            }}
            onChange={(chosen) => change({ expiry: chosen })}
          />
          <TextArea
            label={words.create.networks}
            hint={words.create.networksHint}
            optional={words.optional}
            error={wrong === undefined ? refused("networks") : words.create.networkWrong(wrong)}
            value={next.networks}
            mono
            onChange={(text) => change({ networks: text })}
          />
          {(policy?.allowSelfRotation || token.selfRotate) && (
            <Choice
              kind="checkbox"
              label={words.create.selfRotate}
              hint={words.create.selfRotateHint}
              checked={next.selfRotate}
              onChange={(selfRotate) => change({ selfRotate })}
            />
          )}
          {(approval.value || token.justification !== "") && (
            <TextArea
              label={words.create.justification}
              hint={words.create.justificationHint}
              optional={words.optional}
              error={refused("justification")}
              maxLength={500}
              value={next.justification}
              onChange={(text) => change({ justification: text })}
            />
          )}
        </fieldset>
        <EditReview
          token={token}
          form={next}
          changed={changed}
          catalog={catalog.value.value}
          approval={approval.value}
        />
        <div class="stack">
          {problem?.reason === "ETAG_MISMATCH" ? (
            <Notice tone="warn" role="alert" action={<Button onPress={onReload}>{texts.conflictLoad}</Button>}>
              {texts.conflict}
            </Notice>
          ) : (
            <ChangeNotice of={save} places={(own) => fieldOf(own) !== undefined} />
          )}
          <div class="row submit">
            <Button kind="main" type="submit" busy={save.busy.value} disabled={changed.length === 0}>
              {texts.confirm}
            </Button>
            <Button onPress={onCancel}>{words.cancel}</Button>
          </div>
        </div>
      </form>
    </>
  );
}
