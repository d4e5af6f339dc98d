import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { CatalogSnippet } from "#gen/patwarden/v1/self_pb.js";
import { type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";
import { copyText } from "../../ui/clipboard.js";
import { Choice } from "../../ui/field.js";
import { Hold } from "../../ui/hold.js";
import { Notice } from "../../ui/notice.js";
import { unrecorded } from "../../ui/unrecorded.js";
import { Snippets } from "./snippets.js";
import { TestToken } from "./test-token.js";

interface RevealProps {
  readonly token: Token;
  /** The one place that holds the secret is the caller's variable: it is dropped by `onDone`. */
  readonly secret: string;
  /** From the configuration. Empty: the page's own. */
  readonly snippets: readonly CatalogSnippet[];
  /** Says when the old secret ends, after a rotation. */
  readonly note?: preact.ComponentChildren;
  /** Drops the secret. Called on the way out, before `leave` where the user goes elsewhere. */
  onDone(): void;
}

/** How long the secret stays readable, in milliseconds. */
const readableFor = 60_000;

/** Shows a new secret, this once. Its only way out is the button, after the user has said that it is stored. */
export function Reveal({ token, secret, snippets, note, onDone }: RevealProps) {
  const { words, router, announce } = useApp();
  const texts = words.reveal;
  const field = useRef<HTMLInputElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const shown = useSignal(false);
  const taken = useSignal(false);
  const stored = useSignal(false);
  const copied = useSignal<boolean | undefined>(undefined);

  const hide = (say: boolean) => {
    if (shown.value && say) announce(texts.hiddenAgain);
    shown.value = false;
  };
  useEffect(() => {
    heading.current?.focus();
    const hideUnseen = () => {
      if (document.visibilityState === "hidden") hide(false);
    };
    // The page may be kept in the browser's memory and shown again: without the secret.
    const forget = () => onDone();
    document.addEventListener("visibilitychange", hideUnseen);
    addEventListener("pagehide", forget);
    return () => {
      document.removeEventListener("visibilitychange", hideUnseen);
      removeEventListener("pagehide", forget);
    };
  }, []);
  useEffect(() => {
    if (!shown.value) return;
    const timer = setTimeout(() => hide(true), readableFor);
    return () => clearTimeout(timer);
  }, [shown.value]);

  const show = () => {
    shown.value = true;
    taken.value = true;
  };
  const copy = async () => {
    copied.value = await copyText(secret);
    if (copied.value) {
      taken.value = true;
      announce(texts.copied);
      return;
    }
    show();
    announce(texts.copyFailed);
    // Once the field has the secret.
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.select();
    });
  };
  const download = () => {
    const url = URL.createObjectURL(new Blob([`${secret}\n`], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = texts.fileName(token.name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 60));
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
    taken.value = true;
  };
  const leave = (go: () => void) => {
    router.hold(undefined);
    onDone();
    go();
  };
  const masked = `${token.secrets[0]?.hint.replace("...", "•".repeat(12)) ?? "•".repeat(20)}`;
  const pending = token.state === Token_State.PENDING_APPROVAL;
  return (
    <div class="view narrow">
      <h1 ref={heading} tabIndex={-1}>
        {texts.title(token.name)}
      </h1>
      <p>{texts.intro}</p>
      {pending && <Notice tone="warn">{texts.pending}</Notice>}
      {note}
      <section class="card secret-card" aria-label={texts.field}>
        <input
          ref={field}
          part="secret"
          class="secret mono sentry-block ph-no-capture fs-mask rr-mask"
          type="text"
          readOnly
          autocomplete="off"
          spellcheck={false}
          translate={false}
          aria-label={texts.fieldNamed(token.name)}
          aria-describedby="secret-note"
          value={shown.value ? secret : masked}
          {...unrecorded}
        />
        <p id="secret-note" class="out-of-sight">
          {shown.value ? "" : texts.hidden}
        </p>
        <div class="row">
          <Button kind="main" icon={copied.value ? "check" : "copy"} onPress={() => void copy()}>
            {copied.value ? texts.copied : texts.copy}
          </Button>
          <Button icon="eye" pressed={shown.value} onPress={() => (shown.value ? hide(false) : show())}>
            {texts.show}
          </Button>
          <Button icon="download" onPress={download}>
            {texts.download}
          </Button>
        </div>
        {copied.value === false && (
          <Notice tone="warn" role="alert">
            {texts.copyFailed}
          </Notice>
        )}
        <div class="row stored">
          <Choice
            kind="checkbox"
            label={texts.stored}
            hint={taken.value ? undefined : texts.storedFirst}
            disabled={!taken.value}
            checked={stored.value}
            onChange={(on) => {
              stored.value = on;
            }}
          />
          <Button
            kind={stored.value ? "main" : "quiet"}
            disabled={!stored.value}
            onPress={() => leave(() => router.go(`/tokens/${token.id}`, "replace"))}
          >
            {texts.done}
          </Button>
        </div>
      </section>
      <TestToken token={token} secret={secret} />
      <Snippets token={token} snippets={snippets} />
      <Hold text={texts.leaveText} onLeave={onDone} />
    </div>
  );
}
