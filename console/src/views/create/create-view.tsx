import { durationMs } from "@bufbuild/protobuf/wkt";
import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { CatalogTemplate, Organization } from "#gen/patwarden/v1/self_pb.js";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import type { Api } from "../../app/api.js";
import { useCatalog } from "../../app/catalog.js";
import { useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { isOutcomeUnknown, problemOf } from "../../app/problem.js";
import { fieldText } from "../../app/problem-text.js";
import { Button, Link } from "../../ui/button.js";
import { Choice, TextArea, TextField } from "../../ui/field.js";
import { Hold } from "../../ui/hold.js";
import { Icon } from "../../ui/icon.js";
import { ChangeNotice, Notice, ProblemNotice } from "../../ui/notice.js";
import { type Expiry, endingOf, usualExpiry } from "../form/expiry.js";
import { ExpiryField } from "../form/expiry-field.js";
import { draftOf, emptyGrant, gapsOf } from "../form/grant-draft.js";
import { GrantEditor } from "../form/grant-editor.js";
import { lifetimeLimits, useCreationLimits } from "../form/limits.js";
import { parseNetworks, wrongNetwork } from "../form/networks.js";
import type { PrefillProblem } from "../form/prefill.js";
import { Reveal } from "../reveal/reveal.js";
import { CreationReview } from "./creation-review.js";
import { FilledIn } from "./filled-in.js";
import { formName, openingOf } from "./opening.js";
import { OwnerField } from "./owner-field.js";
import { Templates } from "./templates.js";
import { emptyForm, type FormField, fieldOf, formLike, requestOf, type TokenForm } from "./token-form.js";

/** Makes a token: the form, and after it the secret. */
export function CreateView() {
  const app = useApp();
  const { api, router, host, words, format, subject, caller, announce } = app;
  const texts = words.create;
  const { query } = router.route.value;
  const opening = useMemo(() => openingOf(query, subject, host), []);
  const form = useSignal<TokenForm>(opening.form);
  const made = useSignal<{ readonly token: Token; readonly secret: string } | undefined>(undefined);
  const tried = useSignal(false);
  const lost = useSignal(false);
  const templateMissing = useSignal(false);
  const formElement = useRef<HTMLFormElement>(null);
  const { subject: owner, organization, grant } = form.value;

  const organizations = useLoad(`${caller.caller} organizations`, (signal) => allOrganizations(api, signal));
  const catalog = useCatalog(owner);
  const creation = useCreationLimits(owner, organization);
  const from = query.get("from");
  const original = useLoad(from === null ? undefined : `${subject} ${from}`, (signal) =>
    api.tokens.getToken({ id: from ?? "" }, { signal }),
  );
  const originalToken = original.value.value?.token;
  useEffect(() => {
    if (originalToken && !opening.kept) form.value = formLike(originalToken);
  }, [originalToken]);
  const untouched = useRef(true);
  useEffect(() => {
    if (!catalog.value.value || !untouched.current) return;
    // Once: another owner has another catalog, and keeps what was entered.
    untouched.current = false;
    const template = catalog.value.value.templates.find(({ id }) => id === opening.template);
    if (template) startFrom(template);
    templateMissing.value = !template && query.has("template");
  }, [catalog.value.value]);

  const limits = lifetimeLimits(creation.value.value);
  const policy = creation.value.value?.limits;
  const expiry: Expiry = form.value.expiry ?? usualExpiry(limits);
  const change = (part: Partial<TokenForm>) => {
    form.value = { ...form.value, ...part };
  };
  function startFrom(template: CatalogTemplate | undefined): void {
    if (!template) {
      const { expiry: _, ...blank } = { ...form.value, template: "", grant: emptyGrant };
      form.value = blank;
      return;
    }
    change({
      template: template.id,
      grant: draftOf(template.grant),
      ...(template.ttl && { expiry: { kind: "for", ms: durationMs(template.ttl) } }),
      ...(form.value.name === "" && { name: template.label }),
    });
  }

  const now = new Date();
  const ending = endingOf(expiry, limits, { now, zone: format.zone });
  const gaps = gapsOf(grant);
  const wrong = wrongNetwork(parseNetworks(form.value.networks));

  const create = useChange(
    async (confirm) => {
      if (!ending.ok) return;
      lost.value = false;
      const request = requestOf(form.value, ending.lifetime);
      try {
        const answer = await confirm(() => api.tokens.createToken(request));
        if (!answer.token) return;
        made.value = { token: answer.token, secret: answer.secret };
        host.changed("created", answer.token);
      } catch (error) {
        lost.value = isOutcomeUnknown(problemOf(error));
        throw error;
      }
    },
    { name: formName, entries: form.value },
  );
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

  const approval = policy?.requireApproval === true;
  const locked = create.busy.value || lost.value;
  const missing: readonly PrefillProblem[] = templateMissing.value ? [{ kind: "wrong", name: "template" }] : [];
  const forOrganization = query.get("for");
  const home = forOrganization === null ? "/" : `/orgs/${encodeURIComponent(forOrganization)}`;
  return (
    <div class="view">
      <Link to={home} look="back">
        <Icon name="back" /> {forOrganization === null ? words.page.mine : words.page.organizations}
      </Link>
      <h1>{originalToken ? texts.duplicateOf(originalToken.name) : texts.title}</h1>
      {opening.kept && <Notice tone="accent">{texts.kept}</Notice>}
      {opening.problems && <FilledIn problems={[...opening.problems, ...missing]} />}
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
          <Templates
            templates={catalog.value.value?.templates ?? []}
            chosen={form.value.template}
            onChoose={startFrom}
          />
          <TextField
            label={texts.name}
            hint={texts.nameHint}
            error={errors.name}
            maxLength={100}
            value={form.value.name}
            required
            onChange={(text) => change({ name: text })}
          />
          <TextField
            label={texts.description}
            optional={words.optional}
            error={errors.description}
            maxLength={500}
            value={form.value.description}
            onChange={(text) => change({ description: text })}
          />
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
            tried={tried.value}
            error={errors.expiry}
            onChange={(next) => change({ expiry: next })}
          />
          {approval && (
            <TextArea
              label={texts.justification}
              hint={texts.justificationHint}
              optional={words.optional}
              error={errors.justification}
              maxLength={500}
              value={form.value.justification}
              onChange={(text) => change({ justification: text })}
            />
          )}
          <details class="more" open={form.value.networks !== "" || errors.networks !== undefined}>
            <summary>{texts.more}</summary>
            <div class="stack">
              <TextArea
                label={texts.networks}
                hint={texts.networksHint}
                limit={
                  policy && policy.allowedCidrs.length > 0 && texts.networksLimit(format.list(policy.allowedCidrs))
                }
                optional={words.optional}
                error={errors.networks}
                value={form.value.networks}
                mono
                onChange={(text) => change({ networks: text })}
              />
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
        <CreationReview
          form={form.value}
          ending={ending}
          catalog={catalog.value.value}
          creation={creation.value.value}
        />
        <div class="stack">
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
            <ChangeNotice of={create} places={(own) => fieldOf(own) !== undefined} />
          )}
          {locked && <Hold text={words.reveal.leaveEarly} />}
          {!lost.value && (
            <div class="row submit">
              <Button kind="main" type="submit" busy={create.busy.value}>
                {approval ? texts.submitApproval : texts.submit}
              </Button>
              <Button onPress={() => router.go(home)}>{words.cancel}</Button>
            </div>
          )}
        </div>
      </form>
    </div>
  );
}

/** Fetches all organizations of the caller, up to a thousand. */
async function allOrganizations(api: Api, signal: AbortSignal): Promise<readonly Organization[]> {
  return (await api.self.listOrganizations({ pageSize: 1000 }, { signal })).organizations;
}
