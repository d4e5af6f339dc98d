import { durationMs } from "@bufbuild/protobuf/wkt";
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { CatalogTemplate, Organization } from "#gen/patwarden/v1/self_pb.js";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import type { Api } from "../../app/api.js";
import { useApp } from "../../app/context.js";
import { grantSentences } from "../../app/grant-text.js";
import { useAction, useLoad } from "../../app/load.js";
import { isOutcomeUnknown, isSignedOut, problemOf, stepUpOf } from "../../app/problem.js";
import { fieldText } from "../../app/problem-text.js";
import { untilConfirmed } from "../../app/until-confirmed.js";
import { Button, Link } from "../../ui/button.js";
import { Choice, Field } from "../../ui/field.js";
import { Hold } from "../../ui/hold.js";
import { Icon } from "../../ui/icon.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";
import { ExactTime } from "../../ui/time.js";
import { type Expiry, endingOf, usualExpiry } from "../form/expiry.js";
import { ExpiryField } from "../form/expiry-field.js";
import { draftOf, gapsOf, grantOf } from "../form/grant-draft.js";
import { GrantEditor } from "../form/grant-editor.js";
import { lifetimeLimits } from "../form/limits.js";
import { parseNetworks, wrongNetwork } from "../form/networks.js";
import { isPrefilled, type PrefillProblem, parsePrefill } from "../form/prefill.js";
import { Reveal } from "../reveal/reveal.js";
import { OwnerField } from "./owner-field.js";
import { emptyForm, type FormField, fieldOf, formLike, requestOf, type TokenForm } from "./token-form.js";

const formName = "new";

/** Makes a token: the form, and after it the secret. */
export function CreateView() {
  const app = useApp();
  const { api, router, host, words, format, subject, caller, announce } = app;
  const texts = words.create;
  const { query } = router.route.value;
  const opening = useMemo(() => openForm(), []);
  const form = useSignal<TokenForm>(opening.form);
  const made = useSignal<{ readonly token: Token; readonly secret: string } | undefined>(undefined);
  const tried = useSignal(false);
  const lost = useSignal(false);
  const stepUp = useSignal(false);
  const formElement = useRef<HTMLFormElement>(null);
  const { subject: owner, organization, grant } = form.value;

  const organizations = useLoad(`${caller.caller} organizations`, (signal) => allOrganizations(api, signal));
  const catalog = useLoad(`${owner} ${format.locale} catalog`, (signal) =>
    api.self.getCatalog({ subject: owner, language: format.locale }, { signal }),
  );
  const creation = useLoad(`${owner} ${organization} limits`, (signal) =>
    api.self.getCreationLimits({ subject: owner, organization }, { signal }),
  );
  const from = query.get("from");
  const original = useLoad(from === null ? undefined : `${subject} ${from}`, (signal) =>
    api.tokens.getToken({ id: from ?? "" }, { signal }),
  );
  const originalToken = original.value.value?.token;
  useEffect(() => {
    if (originalToken && !opening.kept) form.value = formLike(originalToken);
  }, [originalToken]);
  useEffect(() => {
    const wanted = opening.template || host.template;
    const template = catalog.value.value?.templates.find(({ id }) => id === wanted);
    if (template && form.value.template === "") startFrom(template);
  }, [catalog.value.value]);

  const limits = lifetimeLimits(creation.value.value);
  const policy = creation.value.value?.limits;
  const expiry: Expiry = form.value.expiry ?? usualExpiry(limits);
  const change = (part: Partial<TokenForm>) => {
    form.value = { ...form.value, ...part };
  };
  function startFrom(template: CatalogTemplate): void {
    change({
      template: template.id,
      grant: draftOf(template.grant),
      ...(template.ttl && { expiry: { kind: "for", ms: durationMs(template.ttl) } }),
      ...(form.value.name === "" && { name: template.label }),
    });
  }
  function openForm(): {
    form: TokenForm;
    kept: boolean;
    template: string;
    problems: readonly PrefillProblem[] | undefined;
  } {
    const kept = host.forms.take(formName) as TokenForm | undefined; // kept by this view
    if (kept) return { form: kept, kept: true, template: "", problems: undefined };
    const first = emptyForm(query.get("for") ?? subject, query.has("for") ? "" : host.organization);
    if (!isPrefilled(query)) return { form: first, kept: false, template: "", problems: undefined };
    const { filled, problems } = parsePrefill(query);
    const { template = "", ...entries } = filled;
    return { form: { ...first, ...entries }, kept: false, template, problems };
  }

  const now = new Date();
  const ending = endingOf(expiry, limits, { now, zone: format.zone });
  const gaps = gapsOf(grant);
  const wrong = wrongNetwork(parseNetworks(form.value.networks));

  const create = useAction(async () => {
    if (!ending.ok) return;
    stepUp.value = false;
    lost.value = false;
    const request = requestOf(form.value, ending.lifetime);
    try {
      const answer = await untilConfirmed(() => api.tokens.createToken(request));
      if (!answer.token) return;
      made.value = { token: answer.token, secret: answer.secret };
      host.changed("created", answer.token);
    } catch (error) {
      const problem = problemOf(error);
      const needed = stepUpOf(problem);
      if (needed || isSignedOut(problem)) {
        stepUp.value = needed !== undefined;
        host.forms.keep(formName, form.value);
        if (needed) host.signIn(needed);
        else throw error;
        return;
      }
      lost.value = isOutcomeUnknown(problem);
      throw error;
    }
  });
  const problem = create.problem.value;
  const refused = (field: FormField): string | undefined =>
    problem?.fields
      .filter((own) => fieldOf(own) === field)
      .map((own) => fieldText(own, app))
      .join(" ") || undefined;
  const errors: Partial<Record<FormField, string | undefined>> = tried.value
    ? {
        name: form.value.name.trim() === "" ? texts.nameMissing : refused("name"),
        description: refused("description"),
        justification: refused("justification"),
        owner: refused("owner"),
        grant: refused("grant"),
        expiry: refused("expiry"),
        networks: wrong === undefined ? refused("networks") : texts.networkWrong(wrong),
        selfRotate: refused("selfRotate"),
      }
    : {};
  const submit = () => {
    tried.value = true;
    const wrongEntries = [form.value.name.trim() === "", wrong !== undefined, !ending.ok].filter(Boolean);
    const count = gaps.length + wrongEntries.length;
    const incomplete = count > 0;
    if (!incomplete) create.run();
    // Once the messages are there.
    requestAnimationFrame(() => {
      const first = formElement.current?.querySelector<HTMLElement>("[aria-invalid=true], .wrong input, .wrong button");
      if (incomplete) first?.focus();
    });
    if (incomplete) announce(texts.fixFields(count, format.number(count)));
  };

  if (made.value)
    return (
      <Reveal
        token={made.value.token}
        secret={made.value.secret}
        snippets={catalog.value.value?.snippets ?? []}
        onDone={() => {
          made.value = undefined;
          form.value = emptyForm(subject, host.organization);
        }}
      />
    );

  const templates = catalog.value.value?.templates ?? [];
  const approval = policy?.requireApproval === true;
  const speech = { catalog: catalog.value.value, words, format, subject: owner === caller.caller ? "" : owner };
  const locked = create.busy.value || lost.value;
  const [expiryEnd, unplaced] = [
    ending.ok ? ending.time : undefined,
    problem?.fields.filter((own) => fieldOf(own) === undefined) ?? [],
  ];
  return (
    <div class="view">
      <Link to="/" look="back">
        <Icon name="back" /> {words.page.mine}
      </Link>
      <h1>{originalToken ? texts.duplicateOf(originalToken.name) : texts.title}</h1>
      {opening.kept && <Notice tone="accent">{texts.kept}</Notice>}
      {opening.problems && (
        <Notice tone="accent">
          <p>{texts.filledIn}</p>
          {opening.problems.length > 0 && (
            <>
              <p>{texts.filledInWrong}</p>
              <ul>
                {opening.problems.map((one) => (
                  <li key={`${one.kind} ${one.name}`}>
                    <bdi>{prefillText(one)}</bdi>
                  </li>
                ))}
              </ul>
            </>
          )}
        </Notice>
      )}
      <ProblemNotice problem={original.problem.value} />
      <ProblemNotice problem={catalog.problem.value} onRetry={catalog.reload} />
      <form
        ref={formElement}
        class="with-side"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <fieldset disabled={locked} class="stack roomy">
          {templates.length > 0 && (
            <section class="templates" aria-label={texts.templates}>
              {templates.map((template) => (
                <button
                  type="button"
                  key={template.id}
                  class="template"
                  aria-pressed={form.value.template === template.id}
                  onClick={() => startFrom(template)}
                >
                  <strong>{template.label}</strong>
                  <span>{template.description}</span>
                </button>
              ))}
              <button
                type="button"
                class="template"
                aria-pressed={form.value.template === ""}
                onClick={() => {
                  const { expiry: _, ...blank } = { ...form.value, template: "", grant: emptyForm("").grant };
                  form.value = blank;
                }}
              >
                <strong>{texts.blank}</strong>
                <span>{texts.blankHint}</span>
              </button>
            </section>
          )}
          <Field label={texts.name} hint={texts.nameHint} error={errors.name}>
            {(ids) => (
              <input
                {...ids}
                type="text"
                maxLength={100}
                autocomplete="off"
                required
                value={form.value.name}
                onInput={(event) => change({ name: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label={texts.description} optional={words.optional} error={errors.description}>
            {(ids) => (
              <input
                {...ids}
                type="text"
                maxLength={500}
                autocomplete="off"
                value={form.value.description}
                onInput={(event) => change({ description: event.currentTarget.value })}
              />
            )}
          </Field>
          <OwnerField
            owner={form.value}
            organizations={organizations.value.value ?? []}
            unavailable={organizations.problem.value !== undefined}
            mustBind={policy?.requireOrganization === true}
            error={errors.owner}
            onChange={change}
          />
          <GrantEditor
            grant={grant}
            catalog={catalog.value.value}
            subject={owner}
            fullForbidden={policy?.forbidFull === true}
            allowedActions={policy?.allowedActions ?? []}
            gaps={tried.value ? gaps : []}
            error={errors.grant}
            onChange={(next) => change({ grant: next })}
          />
          <ExpiryField
            expiry={expiry}
            limits={limits}
            error={errors.expiry}
            onChange={(next) => change({ expiry: next })}
          />
          {approval && (
            <Field
              label={texts.justification}
              hint={texts.justificationHint}
              optional={words.optional}
              error={errors.justification}
            >
              {(ids) => (
                <textarea
                  {...ids}
                  maxLength={500}
                  value={form.value.justification}
                  onInput={(event) => change({ justification: event.currentTarget.value })}
                />
              )}
            </Field>
          )}
          <details class="more" open={form.value.networks !== "" || errors.networks !== undefined}>
            <summary>{texts.more}</summary>
            <div class="stack">
              <Field
                label={texts.networks}
                hint={texts.networksHint}
                limit={
                  policy && policy.allowedCidrs.length > 0 && texts.networksLimit(format.list(policy.allowedCidrs))
                }
                optional={words.optional}
                error={errors.networks}
              >
                {(ids) => (
                  <textarea
                    {...ids}
                    class="mono"
                    spellcheck={false}
                    value={form.value.networks}
                    onInput={(event) => change({ networks: event.currentTarget.value })}
                  />
                )}
              </Field>
              {policy?.allowSelfRotation && (
                <Choice
                  kind="checkbox"
                  label={texts.selfRotate}
                  hint={texts.selfRotateHint}
                  checked={form.value.selfRotate}
                  onChange={(on) => change({ selfRotate: on })}
                />
              )}
            </div>
          </details>
        </fieldset>
        <aside class="card side" aria-label={texts.review}>
          <h2>{texts.review}</h2>
          {gaps.length > 0 ? (
            <p class="soft">{texts.reviewEmpty}</p>
          ) : (
            <ul class="sentences">
              {grantSentences(grantOf(grant) as Parameters<typeof grantSentences>[0], speech).map((text) => (
                <li key={text}>
                  <bdi>{text}</bdi>
                </li>
              ))}
            </ul>
          )}
          <dl class="facts narrow-facts">
            <dt>{words.token.actsAs}</dt>
            <dd>
              <bdi>{owner === caller.caller ? texts.ownerYou : owner}</bdi>
              {organization !== "" && <bdi> · {organization}</bdi>}
            </dd>
            <dt>{texts.expiresAt}</dt>
            <dd>{expiryEnd ? <ExactTime time={expiryEnd} /> : ending.ok ? texts.expiresNever : words.none}</dd>
          </dl>
          {approval && <Notice tone="warn">{texts.needsApproval}</Notice>}
          {creation.value.value && !creation.value.value.mayCreate && <Notice tone="bad">{texts.notAllowed}</Notice>}
        </aside>
        <div class="stack">
          {stepUp.value && <Notice tone="warn">{texts.stepUpElement}</Notice>}
          {lost.value ? (
            <Notice
              tone="warn"
              role="alert"
              action={
                <Button kind="main" busy={create.busy.value} onPress={() => create.run()}>
                  {texts.askAgain}
                </Button>
              }
            >
              {texts.lost}
            </Notice>
          ) : (
            <ProblemNotice problem={problem} />
          )}
          {locked && <Hold text={words.reveal.leaveEarly} />}
          {unplaced.map((own) => (
            <p key={own.field} class="error">
              {words.fields[own.field] ?? own.field}: {fieldText(own, app)}
            </p>
          ))}
          {!lost.value && (
            <div class="row submit">
              <Button kind="main" type="submit" busy={create.busy.value}>
                {approval ? texts.submitApproval : texts.submit}
              </Button>
              <Button onPress={() => router.go("/")}>{words.cancel}</Button>
            </div>
          )}
        </div>
      </form>
    </div>
  );

  function prefillText({ kind, name }: PrefillProblem): string {
    const text = words.prefill[kind];
    return typeof text === "string" ? text : text(name.slice(0, 40));
  }
}

/** Fetches all organizations of the caller, up to a thousand. */
async function allOrganizations(api: Api, signal: AbortSignal): Promise<readonly Organization[]> {
  return (await api.self.listOrganizations({ pageSize: 1000 }, { signal })).organizations;
}
