import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { RevocationReason } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useAction } from "../../app/load.js";
import { Button, Link } from "../../ui/button.js";
import { Choice, Field, FieldGroup } from "../../ui/field.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";
import { ExactTime } from "../../ui/time.js";
import { BulkRevoke } from "../tokens/bulk-revoke.js";

const formName = "emergency";

/** The entries of the form; they are kept over a sign-in. */
interface EmergencyForm {
  /** `2026-03-29T14:30` in the user's zone. Undefined: all tokens. */
  readonly before: string | undefined;
  readonly leaked: boolean;
}

/** Ends all tokens of the deployment, or all that were made before a time. */
export function Emergency() {
  const { api, host, format } = useApp();
  const texts = useAdministrationWords().operator;
  const kept = useMemo(() => host.forms.take(formName) as EmergencyForm | undefined, []); // kept by this view
  const form = useSignal<EmergencyForm>(kept ?? { before: undefined, leaked: true });
  const counted = useSignal<number | undefined>(undefined);
  const asking = useSignal(false);
  const done = useSignal("");
  const { before, leaked } = form.value;
  const time = before === undefined || before === "" ? undefined : new Date(before);
  const isValid = before === undefined || (time !== undefined && !Number.isNaN(time.getTime()));
  const change = (part: Partial<EmergencyForm>) => {
    form.value = { ...form.value, ...part };
    counted.value = undefined;
    done.value = "";
  };
  const count = useAction(async () => {
    done.value = "";
    const answer = await api.tokens.revokeTokens({
      target: { case: "everything", value: true },
      ...(time && { createdBefore: timestampFromDate(time) }),
      validateOnly: true,
    });
    counted.value = answer.count;
  });
  const found = counted.value;
  return (
    <section class="card grave narrow">
      <h2>{texts.emergencyTitle}</h2>
      <p>{texts.emergencyText}</p>
      <p>
        <Link to="/operator/policies">{texts.emergencyBlock}</Link>
      </p>
      {done.value !== "" && <Notice tone="good">{done.value}</Notice>}
      <FieldGroup label={texts.emergencyWhich}>
        <Choice
          kind="radio"
          name="emergency-which"
          label={texts.emergencyAll}
          checked={before === undefined}
          onChange={() => change({ before: undefined })}
        />
        <Choice
          kind="radio"
          name="emergency-which"
          label={texts.emergencyBefore}
          checked={before !== undefined}
          onChange={() => change({ before: "" })}
        />
      </FieldGroup>
      {before !== undefined && (
        <Field label={texts.emergencyTime} hint={`${texts.emergencyTimeHint}: ${format.zone}`}>
          {(ids) => (
            <>
              <input
                {...ids}
                class="short"
                type="datetime-local"
                value={before}
                onChange={(event) => change({ before: event.currentTarget.value })}
              />
              {time && isValid && (
                <p class="soft">
                  <ExactTime time={time} />
                </p>
              )}
            </>
          )}
        </Field>
      )}
      <Choice
        kind="checkbox"
        label={texts.emergencyLeaked}
        checked={leaked}
        onChange={(on) => change({ leaked: on })}
      />
      <ProblemNotice problem={count.problem.value} onRetry={() => count.run()} />
      {found !== undefined && (
        <Notice tone={found > 0 ? "bad" : "good"} role="status">
          {found > 0 ? texts.emergencyFound(found, format.number(found)) : texts.emergencyNone}
        </Notice>
      )}
      <div class="row">
        <Button busy={count.busy.value} disabled={!isValid} onPress={() => count.run()}>
          {texts.emergencyCount}
        </Button>
        {found !== undefined && found > 0 && (
          <Button
            kind="danger"
            onPress={() => {
              asking.value = true;
            }}
          >
            {texts.emergencyStart(found, format.number(found))}
          </Button>
        )}
      </div>
      {asking.value && found !== undefined && (
        <BulkRevoke
          target={{ everything: true, createdBefore: time, count: found }}
          reason={leaked ? RevocationReason.LEAKED : RevocationReason.ADMINISTRATIVE}
          form={{ name: formName, entries: form.value }}
          onClose={(result) => {
            asking.value = false;
            counted.value = undefined;
            done.value = result ?? "";
          }}
        />
      )}
    </section>
  );
}
