import { createClient } from "@connectrpc/connect";
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { type GetPolicyResponse, PolicyService, type UpdatePolicyResponse } from "#gen/patwarden/v1/policy_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useCatalog } from "../../app/catalog.js";
import { useApp } from "../../app/context.js";
import { actionsInWords } from "../../app/grant-text.js";
import { useAction, useLoad } from "../../app/load.js";
import { problemOf } from "../../app/problem.js";
import { fieldText } from "../../app/problem-text.js";
import { Button } from "../../ui/button.js";
import { Loaded } from "../../ui/loaded.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";
import type { PolicyFieldName } from "../../words/administration.js";
import {
  changedFields,
  draftOf,
  draftValue,
  enteredValue,
  isSame,
  type PolicyDraft,
  policyFields,
  policyOf,
  valueIn,
} from "./policy-draft.js";
import { PolicyFieldRow } from "./policy-field.js";
import { type Preview, ReviewDialog } from "./review-dialog.js";

interface PolicyEditorProps {
  /** `user`, `organization`, or `organization:acme`. */
  readonly scope: string;
}

/** A policy: what is set here, what is in effect, and changes with their consequences before they are saved. */
export function PolicyEditor({ scope }: PolicyEditorProps) {
  const { api } = useApp();
  const policies = useMemo(() => createClient(PolicyService, api.transport), [api]);
  const loaded = useLoad(scope, (signal) => policies.getPolicy({ scope }, { signal }));
  return (
    <Loaded of={loaded}>
      {(answer) => <PolicyForm scope={scope} policies={policies} loaded={answer} onLoaded={loaded.set} />}
    </Loaded>
  );
}

interface PolicyFormProps extends PolicyEditorProps {
  readonly policies: ReturnType<typeof createClient<typeof PolicyService>>;
  readonly loaded: GetPolicyResponse;
  onLoaded(answer: GetPolicyResponse): void;
}

const sections: readonly (readonly ["lifetime" | "power" | "place" | "care" | "stop", readonly PolicyFieldName[]])[] = [
  ["lifetime", ["require_expiry", "max_lifetime", "default_lifetime", "revoke_unused_after"]],
  ["power", ["forbid_full", "allowed_actions"]],
  ["place", ["allowed_cidrs", "require_organization"]],
  ["care", ["require_approval", "revoke_on_reuse", "allow_self_rotation"]],
  ["stop", ["block_all"]],
];

function PolicyForm({ scope, policies, loaded: { policy, effective }, onLoaded }: PolicyFormProps) {
  const app = useApp();
  const { host, format, announce } = app;
  const texts = useAdministrationWords().policy;
  const formName = `policy-${scope}`;
  const kept = useMemo(() => host.forms.take(formName) as PolicyDraft | undefined, []); // kept by this view
  const draft = useSignal<PolicyDraft>(kept ?? draftOf(policy));
  const back = useSignal(kept !== undefined);
  const conflicts = useSignal<ReadonlySet<PolicyFieldName> | undefined>(undefined);
  const preview = useSignal<Preview | undefined>(undefined);
  const done = useSignal("");
  const catalog = useCatalog();
  const fields = changedFields(policy, draft.value);
  const wrong = policyFields.filter((field) => enteredValue(draft.value, field) === "wrong");
  const isOrganization = scope.includes(":");

  const change = (part: Partial<PolicyDraft>) => {
    draft.value = { ...draft.value, ...part };
    done.value = "";
  };
  /** Fetches the policy that somebody else has saved, and puts it below the user's changes. */
  async function meet(): Promise<void> {
    const mine = new Set(changedFields(policy, draft.value));
    const answer = await policies.getPolicy({ scope });
    const theirs = policyFields.filter((field) => !isSame(valueIn(policy, field), valueIn(answer.policy, field)));
    const adopted = theirs.filter((field) => !mine.has(field));
    draft.value = {
      ...draft.value,
      ...Object.fromEntries(adopted.map((field) => [field, draftValue(answer.policy, field)])),
    };
    onLoaded(answer);
    if (changedFields(answer.policy, draft.value).length === 0) {
      // The answer to the user's own change was lost.
      done.value = texts.saved;
      announce(done.value);
      return;
    }
    conflicts.value = new Set(theirs.filter((field) => mine.has(field)));
    announce(texts.conflict);
  }
  const review = useAction(async () => {
    done.value = "";
    const request = { policy: policyOf(scope, policy?.etag ?? "", draft.value), updateMask: { paths: [...fields] } };
    try {
      const answer = await policies.updatePolicy({ ...request, validateOnly: true });
      preview.value = { request, blocked: answer.blockedTokens, blockedIds: answer.blockedTokenIds };
    } catch (error) {
      if (problemOf(error).reason !== "ETAG_MISMATCH") throw error;
      await meet();
    }
  });
  /** Goes on after the review: with what was saved, or with what somebody else has saved before. */
  const settle = useAction(async (outcome: UpdatePolicyResponse | "moved") => {
    if (outcome === "moved") return meet();
    conflicts.value = undefined;
    back.value = false;
    draft.value = draftOf(outcome.policy);
    done.value =
      outcome.blockedTokens === 0
        ? texts.saved
        : texts.savedBlocked(outcome.blockedTokens, format.number(outcome.blockedTokens));
    announce(done.value);
    onLoaded(await policies.getPolicy({ scope }));
  });
  const problem = review.problem.value;
  const errorOf = (field: PolicyFieldName): string | undefined => {
    if (wrong.includes(field)) return texts.notNumber;
    const own = problem?.fields.filter((one) => one.field.startsWith(`policy.${field}`)) ?? [];
    return own.map((one) => fieldText(one, app)).join(" ") || undefined;
  };
  const actions = actionsInWords(catalog.value.value);
  return (
    <form
      class="stack policy"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (fields.length > 0 && wrong.length === 0) review.run();
      }}
    >
      <p class="soft">
        {texts.intro} {isOrganization && texts.introOrganization}
      </p>
      {back.value && fields.length > 0 && <Notice tone="accent">{texts.kept}</Notice>}
      {sections.map(([section, shown]) => (
        <fieldset key={section} class="card policy-section">
          <legend>{texts[section]}</legend>
          {shown
            .filter((field) => field !== "require_organization" || scope === "user")
            .map((field) => (
              <PolicyFieldRow
                key={field}
                field={field}
                value={draft.value[field]}
                own={policy}
                effective={isOrganization ? effective : undefined}
                changed={fields.includes(field)}
                error={errorOf(field)}
                conflict={conflicts.value?.has(field) ?? false}
                actions={actions}
                onChange={(value) => change({ [field]: value })}
                onTake={() => {
                  change({ [field]: draftValue(policy, field) });
                  conflicts.value = new Set([...(conflicts.value ?? [])].filter((other) => other !== field));
                }}
              />
            ))}
        </fieldset>
      ))}
      <ProblemNotice problem={problem ?? settle.problem.value} places={({ field }) => field.startsWith("policy.")} />
      {done.value !== "" && <Notice tone="good">{done.value}</Notice>}
      {conflicts.value && (
        <Notice tone="warn" role="alert">
          {texts.conflict}
        </Notice>
      )}
      <div class={fields.length > 0 ? "policy-end stays" : "policy-end"}>
        <span class="soft" aria-live="polite">
          {fields.length > 0 && texts.changes(fields.length, format.number(fields.length))}
        </span>
        {fields.length === 0 && changedFields(undefined, draft.value).length > 0 && (
          <Button kind="plain" onPress={() => change(draftOf(undefined))}>
            {texts.clear}
          </Button>
        )}
        {fields.length > 0 && (
          <Button
            onPress={() => {
              change(draftOf(policy));
              conflicts.value = undefined;
              review.clear();
            }}
          >
            {texts.discard}
          </Button>
        )}
        <Button kind="main" type="submit" busy={review.busy.value} disabled={fields.length === 0 || wrong.length > 0}>
          {texts.review}
        </Button>
      </div>
      {preview.value && (
        <ReviewDialog
          preview={preview.value}
          fields={fields}
          before={policy}
          draft={draft.value}
          save={(request) => policies.updatePolicy(request)}
          form={{ name: formName, entries: draft.value }}
          onClose={(outcome) => {
            preview.value = undefined;
            if (outcome !== undefined) settle.run(outcome);
          }}
        />
      )}
    </form>
  );
}
