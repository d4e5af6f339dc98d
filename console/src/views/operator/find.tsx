import { useSignal } from "@preact/signals";
import { RevocationReason, type Token } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useAction } from "../../app/load.js";
import { changeQuery } from "../../app/query.js";
import { Button } from "../../ui/button.js";
import { Field } from "../../ui/field.js";
import { Icon } from "../../ui/icon.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";
import { SearchField } from "../../ui/search-field.js";
import { RevokeDialog } from "../token/revoke-dialog.js";
import { FoundTokens } from "./found-tokens.js";
import { foundText, sha256 } from "./found-secret.js";

/** Finds tokens: by id, name, the end of a secret or their owner, and by a secret that was found. */
export function Find() {
  const { router } = useApp();
  const texts = useAdministrationWords().operator;
  const query = router.route.value.query.get("find") ?? "";
  return (
    <div class="stack">
      <SearchField
        label={texts.findTitle}
        placeholder={texts.findHint}
        value={query}
        onChange={(find) => changeQuery(router, { find: find.trim() })}
      />
      {query === "" ? <FoundSecret /> : <FoundTokens query={query} />}
    </div>
  );
}

/** Finds the token of a secret by its SHA-256. The secret stays in the field until it is hashed, and goes nowhere. */
function FoundSecret() {
  const { api, router, words, announce } = useApp();
  const texts = useAdministrationWords().operator;
  const entered = useSignal("");
  const wrong = useSignal("");
  const sought = useSignal("");
  const found = useSignal<Token | "none" | undefined>(undefined);
  const revoking = useSignal(false);
  const find = useAction(async () => {
    const text = foundText(entered.value);
    found.value = undefined;
    sought.value = "";
    wrong.value = text.kind === "wrong" ? texts.secretWrong : "";
    if (text.kind === "wrong") return;
    const hash = text.kind === "hash" ? text.hash : await sha256(text.secret);
    entered.value = "";
    if (hash === undefined) {
      wrong.value = texts.secretNoCrypto;
      return;
    }
    sought.value = hash;
    const { events } = await api.audit.listAuditEvents({ secretSha256: hash, pageSize: 1 });
    const id = events[0]?.tokenId ?? "";
    const token = id === "" ? undefined : (await api.tokens.getToken({ id })).token;
    found.value = token ?? "none";
    announce(token ? texts.secretFound : texts.secretNothing);
  });
  const token = found.value === "none" ? undefined : found.value;
  return (
    <section class="card narrow">
      <h2>{texts.secretTitle}</h2>
      <form
        class="stack"
        noValidate
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          find.run();
        }}
      >
        <Field label={texts.secretField} hint={texts.secretText} error={wrong.value || undefined}>
          {(ids) => (
            <span class="joined">
              <input
                {...ids}
                type="text"
                class="concealed mono"
                data-private
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                maxLength={600}
                value={entered.value}
                onInput={(event) => {
                  entered.value = event.currentTarget.value;
                }}
              />
              <Button type="submit" busy={find.busy.value} disabled={entered.value.trim() === ""}>
                {texts.secretFind}
              </Button>
            </span>
          )}
        </Field>
      </form>
      <ProblemNotice problem={find.problem.value} />
      {sought.value !== "" && <p class="soft hash">{texts.secretSought(sought.value)}</p>}
      {found.value === "none" && <Notice tone="good">{texts.secretNothing}</Notice>}
      {token && (
        <Notice
          tone="warn"
          action={
            <>
              <Button onPress={() => router.go(`/tokens/${token.id}`)}>{texts.toToken}</Button>
              <Button
                kind="danger"
                onPress={() => {
                  revoking.value = true;
                }}
              >
                {words.tokens.revoke}
              </Button>
            </>
          }
        >
          <p>{texts.secretFound}</p>
          <FoundTokens id={token.id} />
        </Notice>
      )}
      {!token && found.value === undefined && sought.value === "" && (
        <p class="soft">
          <Icon name="info" /> {texts.findText}
        </p>
      )}
      {revoking.value && token && (
        <RevokeDialog
          token={token}
          reason={RevocationReason.LEAKED}
          onClose={(done) => {
            revoking.value = false;
            if (done) found.value = done;
          }}
        />
      )}
    </section>
  );
}
