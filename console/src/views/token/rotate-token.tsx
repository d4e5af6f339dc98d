import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useSignal } from "@preact/signals";
import { useId, useMemo } from "preact/hooks";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useCatalog } from "../../app/catalog.js";
import { useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { isOutcomeUnknown, problemOf } from "../../app/problem.js";
import { newRequestId } from "../../app/request-id.js";
import { Button } from "../../ui/button.js";
import { Choice, FieldGroup } from "../../ui/field.js";
import { Hold } from "../../ui/hold.js";
import { ChangeNotice, Notice } from "../../ui/notice.js";
import { dateOf, ExactTime } from "../../ui/time.js";
import { type Expiry, endingOf } from "../form/expiry.js";
import { ExpiryField } from "../form/expiry-field.js";
import { lifetimeLimits, useCreationLimits } from "../form/limits.js";
import { Reveal } from "../reveal/reveal.js";

interface RotateTokenProps {
  readonly token: Token;
  /** Gets the token with its new secret's facts. */
  onDone(token: Token): void;
  onCancel(): void;
}

interface Entries {
  readonly graceMs: number;
  /** Absent: the token ends as before. */
  readonly expiry?: Expiry;
  readonly requestId: string;
}

const hour = 3_600_000;
const graces = [hour, 24 * hour, 3 * 24 * hour, 7 * 24 * hour];

/** Gives a token a new secret, and says when the old one stops. */
export function RotateToken({ token, onDone, onCancel }: RotateTokenProps) {
  const { api, host, words, format } = useApp();
  const texts = words.rotate;
  const group = useId();
  const formName = `rotate ${token.id}`;
  const first = useMemo(() => host.forms.take(formName) as Entries | undefined, []);
  const form = useSignal<Entries>(first ?? { graceMs: 24 * hour, requestId: newRequestId() });
  const made = useSignal<{ readonly token: Token; readonly secret: string } | undefined>(undefined);
  const lost = useSignal(false);
  const creation = useCreationLimits(token.subject, token.organization);
  const catalog = useCatalog(token.subject);
  const limits = lifetimeLimits(creation.value.value);
  const { graceMs, expiry } = form.value;
  const now = new Date();
  const ending = expiry && endingOf(expiry, limits, { now, zone: format.zone });
  const expires = dateOf(token.expireTime);
  const change = (part: Partial<Entries>) => {
    form.value = { ...form.value, ...part };
  };
  const tried = useSignal(false);
  const rotate = useChange(
    async (confirm) => {
      tried.value = true;
      if (ending?.ok === false) return;
      lost.value = false;
      const request = {
        id: token.id,
        etag: token.etag,
        grace: durationFromMs(graceMs),
        requestId: form.value.requestId,
        ...(ending && { lifetime: ending.lifetime }),
      };
      try {
        const answer = await confirm(() => api.tokens.rotateToken(request));
        if (!answer.token) return;
        made.value = { token: answer.token, secret: answer.secret };
        host.changed("rotated", answer.token);
      } catch (error) {
        lost.value = isOutcomeUnknown(problemOf(error));
        throw error;
      }
    },
    { name: formName, entries: form.value },
  );
  if (made.value) {
    const { token: rotated, secret } = made.value;
    const old = dateOf(rotated.secrets[1]?.expireTime);
    const works = old !== undefined && old.getTime() > Date.now();
    return (
      <Reveal
        token={rotated}
        secret={secret}
        snippets={catalog.value.value?.snippets ?? []}
        note={
          <Notice tone="accent">
            {works ? words.reveal.oldSecret(format.dateTime(old)) : words.reveal.oldSecretEnded}
          </Notice>
        }
        onDone={() => {
          made.value = undefined;
          // A further secret is another request.
          change({ requestId: newRequestId() });
          onDone(rotated);
        }}
      />
    );
  }
  return (
    <form
      class="stack roomy narrow"
      onSubmit={(event) => {
        event.preventDefault();
        rotate.run();
      }}
    >
      <div class="stack">
        <h1>{texts.title(token.name)}</h1>
        <p>{texts.text}</p>
      </div>
      <fieldset class="stack roomy" disabled={rotate.busy.value || lost.value}>
        <FieldGroup label={texts.grace}>
          {graces.map((ms) => (
            <Choice
              key={ms}
              kind="radio"
              name={group}
              label={texts.graceFor(format.duration(ms))}
              checked={graceMs === ms}
              onChange={() => change({ graceMs: ms })}
            />
          ))}
          <Choice
            kind="radio"
            name={group}
            label={texts.graceNone}
            hint={texts.graceNoneHint}
            checked={graceMs === 0}
            onChange={() => change({ graceMs: 0 })}
          />
          <p class="ending">
            {texts.stops} {graceMs === 0 ? texts.stopsNow : <ExactTime time={new Date(now.getTime() + graceMs)} />}
          </p>
        </FieldGroup>
        <ExpiryField
          expiry={expiry}
          limits={limits}
          tried={tried.value}
          keep={{
            text: expires ? texts.expiresKeep(format.dateTime(expires)) : texts.expiresKeepNever,
            onChoose: () => {
              const { expiry: _, ...rest } = form.value;
              form.value = rest;
            },
          }}
          onChange={(chosen) => change({ expiry: chosen })}
        />
      </fieldset>
      {(rotate.busy.value || lost.value) && <Hold text={words.reveal.leaveEarly} />}
      {lost.value ? (
        <Notice
          tone="warn"
          role="alert"
          action={
            <Button kind="main" busy={rotate.busy.value} onPress={() => rotate.run()}>
              {words.create.askAgain}
            </Button>
          }
        >
          {texts.lost}
        </Notice>
      ) : (
        <ChangeNotice of={rotate} />
      )}
      {!lost.value && (
        <div class="row submit">
          <Button kind="main" type="submit" busy={rotate.busy.value}>
            {texts.confirm}
          </Button>
          <Button onPress={onCancel}>{words.cancel}</Button>
        </div>
      )}
    </form>
  );
}
