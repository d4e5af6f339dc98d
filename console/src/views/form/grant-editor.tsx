import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { CatalogAction_Risk, type CatalogType, type GetCatalogResponse } from "#gen/patwarden/v1/self_pb.js";
import { useApp } from "../../app/context.js";
import { typeLabel } from "../../app/grant-text.js";
import { Badge, type Tone } from "../../ui/badge.js";
import { Button } from "../../ui/button.js";
import { Choice, Field, FieldGroup } from "../../ui/field.js";
import { Notice } from "../../ui/notice.js";
import { every, type GrantDraft, type GrantGap, type RuleDraft } from "./grant-draft.js";
import { ResourcePicker } from "./resource-picker.js";

interface GrantEditorProps {
  readonly grant: GrantDraft;
  readonly catalog: GetCatalogResponse | undefined;
  /** Who the token acts as, `user:alice`. */
  readonly subject: string;
  readonly fullForbidden: boolean;
  /** The actions that the policy allows. Empty: all. */
  readonly allowedActions: readonly string[];
  /** Shown once the user has tried to go on. */
  readonly gaps: readonly GrantGap[];
  /** The server's refusal of the whole grant. */
  readonly error?: string | undefined;
  onChange(grant: GrantDraft): void;
}

const riskTones: Readonly<Record<number, Tone>> = {
  [CatalogAction_Risk.LOW]: "muted",
  [CatalogAction_Risk.MEDIUM]: "accent",
  [CatalogAction_Risk.HIGH]: "warn",
};

/** Chooses what a token may do. Nothing is chosen at first; everything is a choice of its own, and marked. */
export function GrantEditor({ grant, catalog, gaps, fullForbidden, error, onChange, ...rest }: GrantEditorProps) {
  const { words } = useApp();
  const texts = words.create;
  const group = useId();
  const setRule = (at: number, rule: RuleDraft) =>
    onChange({ ...grant, rules: grant.rules.map((own, index) => (index === at ? rule : own)) });
  const mode = (name: GrantDraft["mode"], label: string, hint: string, disabled = false) => (
    <Choice
      kind="radio"
      name={group}
      label={label}
      hint={hint}
      checked={grant.mode === name}
      disabled={disabled}
      onChange={() => onChange({ ...grant, mode: name })}
    />
  );
  const missing = gaps.some(({ kind }) => kind === "noRules") ? texts.noRules : undefined;
  const types = catalog?.types ?? [];
  const add = (type: string) =>
    onChange({ ...grant, rules: [...grant.rules, { type, actions: [], ids: type === every ? [every] : [] }] });
  return (
    <FieldGroup label={texts.grant} error={error ?? missing}>
      {mode("chosen", texts.grantChosen, texts.grantChosenHint)}
      {grant.mode === "chosen" && (
        <div class="rules">
          {grant.rules.map((rule, at) => (
            <RuleEditor
              // biome-ignore lint/suspicious/noArrayIndexKey: a rule has no other identity.
              key={at}
              rule={rule}
              catalog={catalog}
              {...rest}
              gaps={gaps.filter((gap) => "rule" in gap && gap.rule === at)}
              onChange={(next) => setRule(at, next)}
              onRemove={() => onChange({ ...grant, rules: grant.rules.filter((_, index) => index !== at) })}
            />
          ))}
          {types.length === 0 && <TypedName label={texts.typedType} hint={texts.typedTypeHint} onAdd={add} />}
          <div class="row">
            {types.slice(0, 8).map(({ type }) => (
              <Button key={type} icon="plus" onPress={() => add(type)}>
                {texts.addRuleFor(typeLabel(catalog, type))}
              </Button>
            ))}
            {types.length > 8 && (
              <select
                aria-label={texts.addRule}
                value=""
                onChange={(event) => {
                  if (event.currentTarget.value !== "") add(event.currentTarget.value);
                  event.currentTarget.value = "";
                }}
              >
                <option value="">{texts.addRule}</option>
                {types.slice(8).map(({ type }) => (
                  <option key={type} value={type}>
                    {typeLabel(catalog, type)}
                  </option>
                ))}
              </select>
            )}
          </div>
        </div>
      )}
      {mode("identify", texts.grantIdentify, texts.grantIdentifyHint)}
      {mode("full", texts.grantFull, fullForbidden ? texts.fullForbidden : texts.grantFullHint, fullForbidden)}
      {grant.mode === "full" && <Notice tone="warn">{texts.grantFullHint}</Notice>}
    </FieldGroup>
  );
}

interface TypedNameProps {
  readonly label: string;
  readonly hint: string;
  onAdd(name: string): void;
}

/** Adds a name of the permission model that the catalog does not offer. */
function TypedName({ label, hint, onAdd }: TypedNameProps) {
  const { words } = useApp();
  const text = useSignal("");
  const add = () => {
    const name = text.value.trim();
    if (name === "") return;
    onAdd(name);
    text.value = "";
  };
  return (
    <Field label={label} hint={hint}>
      {(ids) => (
        <span class="joined">
          <input
            {...ids}
            class="mono"
            type="text"
            maxLength={50}
            autocomplete="off"
            spellcheck={false}
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              add();
            }}
          />
          <Button icon="plus" label={`${words.create.add}: ${label}`} onPress={add}>
            {words.create.add}
          </Button>
        </span>
      )}
    </Field>
  );
}

interface RuleEditorProps extends Pick<GrantEditorProps, "catalog" | "subject" | "allowedActions" | "gaps"> {
  readonly rule: RuleDraft;
  onChange(rule: RuleDraft): void;
  onRemove(): void;
}

function RuleEditor({ rule, catalog, subject, allowedActions, gaps, onChange, onRemove }: RuleEditorProps) {
  const { words } = useApp();
  const texts = words.create;
  const group = useId();
  const label = rule.type === every ? texts.anyType : typeLabel(catalog, rule.type);
  const known: CatalogType | undefined = catalog?.types.find(({ type }) => type === rule.type);
  const all = rule.actions.includes(every);
  const setAction = (action: string, on: boolean) =>
    onChange({ ...rule, actions: on ? [...rule.actions, action] : rule.actions.filter((own) => own !== action) });
  const unknown = rule.actions.filter(
    (action) => action !== every && !known?.actions.some((one) => one.action === action),
  );
  const groups = [...new Set((known?.actions ?? []).map((action) => action.group))];
  const anyId = rule.ids.includes(every);
  // The search needs one action: the one with the least risk, of those that are chosen.
  const byRisk = [...(known?.actions ?? [])].sort((a, b) => a.risk - b.risk);
  const searched = (byRisk.find(({ action }) => rule.actions.includes(action)) ?? byRisk[0])?.action ?? "";
  const gap = (kind: GrantGap["kind"], text: string) =>
    gaps.some((one) => one.kind === kind) && <p class="error">{text}</p>;
  return (
    <section class="rule" aria-label={label}>
      <header>
        <h2>{label}</h2>
        {label !== rule.type && rule.type !== every && <code class="soft">{rule.type}</code>}
        <Button kind="plain" icon="cross" iconOnly label={`${texts.removeRule}: ${label}`} onPress={onRemove}>
          {texts.removeRule}
        </Button>
      </header>
      {known?.description && <p class="hint">{known.description}</p>}
      <fieldset>
        <legend>{texts.ruleActions}</legend>
        {gap("noActions", texts.noActions)}
        {!all &&
          groups.map((name) => (
            <div key={name} class="action-group">
              {name !== "" && <p class="group-name">{name}</p>}
              <div class="actions-grid">
                {known?.actions
                  .filter((action) => action.group === name)
                  .map(({ action, label: text, description, risk }) => {
                    const forbidden = allowedActions.length > 0 && !allowedActions.includes(action);
                    return (
                      <Choice
                        key={action}
                        kind="checkbox"
                        checked={rule.actions.includes(action)}
                        disabled={forbidden && !rule.actions.includes(action)}
                        label={
                          <>
                            {text || action} {text && <code class="raw">{action}</code>}{" "}
                            {words.risks[risk] && <Badge tone={riskTones[risk] ?? "muted"}>{words.risks[risk]}</Badge>}
                          </>
                        }
                        hint={forbidden ? texts.actionNotAllowed : description}
                        onChange={(on) => setAction(action, on)}
                      />
                    );
                  })}
              </div>
            </div>
          ))}
        {unknown.map((action) => (
          <Choice
            key={action}
            kind="checkbox"
            checked
            label={<code>{action}</code>}
            hint={catalog && texts.unknownAction}
            onChange={(on) => setAction(action, on)}
          />
        ))}
        {known === undefined && !all && (
          <TypedName
            label={texts.typedAction}
            hint={texts.typedActionHint}
            onAdd={(action) => !rule.actions.includes(action) && setAction(action, true)}
          />
        )}
        <Choice
          kind="checkbox"
          checked={all}
          label={texts.allActions}
          onChange={(on) => onChange({ ...rule, actions: on ? [every] : [] })}
        />
      </fieldset>
      {rule.type !== every && (
        <fieldset>
          <legend>{texts.ruleResources}</legend>
          {gap("noResources", texts.noResources)}
          <Choice
            kind="radio"
            name={group}
            label={texts.chosenResources}
            checked={!anyId}
            onChange={() => onChange({ ...rule, ids: [] })}
          />
          {!anyId && (
            <ResourcePicker
              type={rule.type}
              label={label}
              action={searched}
              subject={subject}
              ids={rule.ids}
              onChange={(ids) => onChange({ ...rule, ids })}
            />
          )}
          <Choice
            kind="radio"
            name={group}
            label={texts.allResources}
            checked={anyId}
            onChange={() => onChange({ ...rule, ids: [every] })}
          />
        </fieldset>
      )}
    </section>
  );
}
