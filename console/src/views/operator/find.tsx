import { useSignal } from "@preact/signals";
import { type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useAction } from "../../app/load.js";
import { Button } from "../../ui/button.js";
import { Field } from "../../ui/field.js";
import { Icon } from "../../ui/icon.js";
import { Identity } from "../../ui/identity.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";
import { StateBadge } from "../../ui/token-state.js";
import { unrecorded } from "../../ui/unrecorded.js";
import { RevokeDialog } from "../token/revoke-dialog.js";
import { TokenList } from "../tokens/token-list.js";
import { foundText, sha256 } from "./found-secret.js";

/** Finds tokens: the owner of a secret that was found, and a list of all tokens to search in. */
export function Find() {
  const texts = useAdministrationWords().operator;
  const revoked = useSignal("");
  return (
    <div class="stack roomy">
      <FoundSecret
        onRevoked={(id) => {
          revoked.value = id;
        }}
      />
      <section class="stack">
        <h2>{texts.allTokens}</h2>
        <TokenList
          key={revoked.value}
          scope={{}}
          withOwner
          empty={
            <div class="empty">
              <Icon name="key" />
              <h2>{texts.subjectsEmpty}</h2>
            </div>
          }
        />
      </section>
    </div>
  );
}

/** Finds the token of a secret by its SHA-256. The secret stays in the field until it is hashed, and goes nowhere. */
function FoundSecret({ onRevoked }: { onRevoked(id: string): void }) {
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
                class="mono sentry-block ph-no-capture fs-mask rr-mask"
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                maxLength={600}
                value={entered.value}
                onInput={(event) => {
                  entered.value = event.currentTarget.value;
                }}
                {...unrecorded}
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
              {token.state !== Token_State.REVOKED && (
                <Button
                  kind="danger"
                  onPress={() => {
                    revoking.value = true;
                  }}
                >
                  {words.tokens.revoke}
                </Button>
              )}
            </>
          }
        >
          <p>{texts.secretFound}</p>
          <p class="row">
            <strong>
              <bdi>{token.name}</bdi>
            </strong>
            <StateBadge token={token} />
            <Identity name={token.subject} />
          </p>
        </Notice>
      )}
      {revoking.value && token && (
        <RevokeDialog
          token={token}
          leaked
          onClose={(done) => {
            revoking.value = false;
            if (!done) return;
            found.value = done;
            onRevoked(done.id);
          }}
        />
      )}
    </section>
  );
}
