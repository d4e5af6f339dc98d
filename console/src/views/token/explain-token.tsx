import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type ExplainTokenResponse, type Step, Step_Result } from "#gen/patwarden/v1/self_pb.js";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useCatalog } from "../../app/catalog.js";
import { useApp } from "../../app/context.js";
import { actionLabel } from "../../app/grant-text.js";
import { useAction } from "../../app/load.js";
import { Button } from "../../ui/button.js";
import { Field, TextField } from "../../ui/field.js";
import { Icon, type IconName } from "../../ui/icon.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";

const icons: Readonly<Record<number, readonly [IconName, string]>> = {
  [Step_Result.PASSED]: ["check", "good"],
  [Step_Result.REFUSED]: ["cross", "bad"],
  [Step_Result.NOT_ASKED]: ["minus", "soft"],
  [Step_Result.UNKNOWN]: ["unknown", "warn"],
};

/** Explains step by step what the server would answer to a request with the token. */
export function ExplainToken({ token }: { readonly token: Token }) {
  const { api, words, announce } = useApp();
  const texts = words.explain;
  const resource = useSignal("");
  const action = useSignal("");
  const address = useSignal("");
  const answer = useSignal<ExplainTokenResponse | undefined>(undefined);
  const catalog = useCatalog(token.subject);
  const ask = useAction(async () => {
    const request = {
      tokenId: token.id,
      resource: resource.value.trim(),
      action: action.value,
      clientIp: address.value.trim(),
    };
    answer.value = undefined;
    answer.value = await api.self.explainToken(request);
    announce(verdict(answer.value));
  });
  useEffect(() => ask.run(), [token.id, token.etag]);
  const verdict = ({ reason, steps }: ExplainTokenResponse): string => {
    if (reason === Reason.ALLOWED) return texts.allowed;
    if (reason !== undefined) return texts.refused(words.reasons[reason] ?? String(reason));
    return steps.some(({ result }) => result === Step_Result.UNKNOWN) ? texts.unclear : texts.tokenFine;
  };
  const type = resource.value.trim().split(":")[0] ?? "";
  const known = catalog.value.value?.types.find((own) => own.type === type)?.actions.map((own) => own.action) ?? [];
  // An action that was typed before the type was known stays.
  const typed = action.value === "" || known.includes(action.value) ? [] : [action.value];
  const actions = known.length > 0 ? [...known, ...typed] : [];
  const half = (resource.value.trim() === "") !== (action.value === "");
  const shown = answer.value;
  return (
    <div class="stack">
      <p class="soft">{texts.intro}</p>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (!half) ask.run();
        }}
      >
        <div class="filters">
          <TextField
            label={texts.resource}
            error={half ? texts.both : undefined}
            maxLength={256}
            placeholder="document:roadmap"
            value={resource.value}
            mono
            onChange={(text) => {
              resource.value = text;
            }}
          />
          <Field label={texts.action}>
            {(ids) =>
              actions.length > 0 ? (
                <select
                  {...ids}
                  value={action.value}
                  onChange={(event) => {
                    action.value = event.currentTarget.value;
                  }}
                >
                  <option value="">{texts.actionNone}</option>
                  {actions.map((own) => (
                    <option key={own} value={own}>
                      {actionLabel(catalog.value.value, type, own)}
                    </option>
                  ))}
                </select>
              ) : (
                <input
                  {...ids}
                  type="text"
                  class="mono"
                  autocomplete="off"
                  maxLength={50}
                  value={action.value}
                  onInput={(event) => {
                    action.value = event.currentTarget.value;
                  }}
                />
              )
            }
          </Field>
          <TextField
            label={texts.address}
            optional={words.optional}
            maxLength={45}
            placeholder="192.0.2.7"
            value={address.value}
            mono
            onChange={(text) => {
              address.value = text;
            }}
          />
        </div>
        <div>
          <Button kind="main" type="submit" busy={ask.busy.value}>
            {texts.ask}
          </Button>
        </div>
      </form>
      <ProblemNotice problem={ask.problem.value} onRetry={() => ask.run()} />
      {shown && (
        <>
          <Notice tone={shown.reason === Reason.ALLOWED ? "good" : shown.reason === undefined ? "accent" : "bad"}>
            <strong>{verdict(shown)}</strong>
          </Notice>
          <ol class="lines card">
            {shown.steps.map((step) => (
              <StepLine key={step.kind} step={step} />
            ))}
          </ol>
        </>
      )}
    </div>
  );
}

function StepLine({ step: { kind, result, reason, blockedBy } }: { readonly step: Step }) {
  const { words, format } = useApp();
  const [icon, tone] = icons[result] ?? ["unknown", "soft"];
  return (
    <li class="line step">
      <span class={`step-icon ${tone}`}>
        <Icon name={icon} />
      </span>
      <span class="grow">
        {words.explain.kinds[kind] ?? String(kind)}
        {result === Step_Result.REFUSED && <span class="hint"> {words.reasons[reason]}</span>}
        {blockedBy.length > 0 && (
          <span class="hint"> ({format.list(blockedBy.map((field) => words.limits[field] ?? field))})</span>
        )}
      </span>
      <strong>{words.explain.results[result]}</strong>
    </li>
  );
}
