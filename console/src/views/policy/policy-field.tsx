import type { Policy } from "#gen/patwarden/v1/policy_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";
import { Choice, Field } from "../../ui/field.js";
import { Notice } from "../../ui/notice.js";
import type { PolicyFieldName } from "../../words/administration.js";
import { type DurationUnit, entriesOf, type PolicyDraft, sourceOf, valueIn } from "./policy-draft.js";
import { policyValueText } from "./policy-text.js";

interface PolicyFieldProps {
  readonly field: PolicyFieldName;
  readonly value: PolicyDraft[PolicyFieldName];
  /** The policy as it is stored. */
  readonly own: Policy | undefined;
  /** The stricter of it and the deployment's. Undefined: there is nothing above it. */
  readonly effective: Policy | undefined;
  readonly changed: boolean;
  readonly error: string | undefined;
  /** Somebody else has changed this field in the meantime. */
  readonly conflict: boolean;
  /** The actions of the model, with the words of all types for each. */
  readonly actions: ReadonlyMap<string, string>;
  onChange(value: PolicyDraft[PolicyFieldName]): void;
  /** Takes the stored value instead of the user's. */
  onTake(): void;
}

/** A field of a policy: its meaning, its control, and what is in effect now and why. */
export function PolicyFieldRow({ field, value, changed, conflict, error, actions, ...rest }: PolicyFieldProps) {
  const { format } = useApp();
  const texts = useAdministrationWords().policy;
  const [label, hint] = texts.fields[field];
  const text = (policy: Policy | undefined) => policyValueText(field, valueIn(policy, field), texts, format);
  return (
    <div class={changed ? "policy-field changed" : "policy-field"}>
      <div>
        {typeof value === "boolean" ? (
          <Choice kind="checkbox" label={label} hint={hint} checked={value} onChange={rest.onChange} />
        ) : (
          <Field label={label} hint={hint} error={error}>
            {(ids) =>
              typeof value === "string" ? (
                <>
                  <textarea
                    {...ids}
                    class="mono"
                    rows={Math.min(8, Math.max(2, entriesOf(value).length + 1))}
                    spellcheck={false}
                    autocomplete="off"
                    value={value}
                    onInput={(event) => rest.onChange(event.currentTarget.value)}
                  />
                  {field === "allowed_actions" && actions.size > 0 && (
                    <KnownActions chosen={entriesOf(value)} actions={actions} onChange={rest.onChange} />
                  )}
                </>
              ) : (
                <span class="joined">
                  <input
                    {...ids}
                    type="text"
                    inputMode="numeric"
                    autocomplete="off"
                    maxLength={9}
                    value={value.amount}
                    onInput={(event) => rest.onChange({ ...value, amount: event.currentTarget.value })}
                  />
                  <select
                    aria-label={texts.unitOf(label)}
                    value={value.unit}
                    onChange={(event) => rest.onChange({ ...value, unit: event.currentTarget.value as DurationUnit })}
                  >
                    {Object.entries(texts.units).map(([name, shown]) => (
                      <option key={name} value={name}>
                        {shown}
                      </option>
                    ))}
                  </select>
                </span>
              )
            }
          </Field>
        )}
        {conflict && (
          <Notice
            tone="warn"
            action={
              <Button label={texts.takeNamed(label)} onPress={rest.onTake}>
                {texts.take}
              </Button>
            }
          >
            {texts.conflictField(text(rest.own))}
          </Notice>
        )}
      </div>
      {rest.effective && (
        <InEffect field={field} own={rest.own} effective={rest.effective} text={text(rest.effective)} />
      )}
    </div>
  );
}

interface InEffectProps {
  readonly field: PolicyFieldName;
  readonly own: Policy | undefined;
  readonly effective: Policy;
  readonly text: string;
}

function InEffect({ field, own, effective, text }: InEffectProps) {
  const texts = useAdministrationWords().policy;
  const source = sourceOf(field, own, effective);
  const sources = { none: "", here: texts.fromHere, deployment: texts.fromDeployment, both: texts.fromBoth };
  return (
    <p class="in-effect">
      <span class="soft">{texts.inEffect}</span> <bdi>{text}</bdi>
      {source !== "none" && <span class="soft"> · {sources[source]}</span>}
    </p>
  );
}

interface KnownActionsProps {
  readonly chosen: readonly string[];
  readonly actions: ReadonlyMap<string, string>;
  onChange(text: string): void;
}

function KnownActions({ chosen, actions, onChange }: KnownActionsProps) {
  const texts = useAdministrationWords().policy;
  return (
    <fieldset class="chips" aria-label={texts.knownActions}>
      {[...actions].map(([action, label]) => {
        const on = chosen.includes(action);
        return (
          <button
            type="button"
            key={action}
            class="chip-button"
            aria-pressed={on}
            onClick={() => onChange((on ? chosen.filter((other) => other !== action) : [...chosen, action]).join("\n"))}
          >
            {label && `${label} `}
            <code class={label && "raw"}>{action}</code>
          </button>
        );
      })}
    </fieldset>
  );
}
