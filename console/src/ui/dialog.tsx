import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { useApp } from "../app/context.js";
import { Button } from "./button.js";

interface DialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** The buttons, the safe one first. */
  readonly actions: ComponentChildren;
  /** Called by Esc and by the cross. */
  onClose(): void;
}

/** A modal dialog. It opens when it is rendered; the focus returns to where it was when it is gone. */
export function Dialog({ title, children, actions, onClose }: DialogProps) {
  const { words } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    const root = element?.getRootNode();
    const before = root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
    element?.showModal();
    element?.querySelector<HTMLElement>(".dialog-body :is(input, textarea, select):not([type=checkbox])")?.focus();
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  // A step of the dialog may have removed what had the focus.
  useEffect(() => {
    const element = dialog.current;
    if (element?.open && !element.matches(":focus-within"))
      element.querySelector<HTMLElement>("footer button")?.focus();
  });
  return (
    <dialog
      ref={dialog}
      class="dialog"
      part="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // Browsers close a dialog themselves at a second Esc. One that is gone has no say any more.
      onClose={(event) => {
        if (event.currentTarget.isConnected) onClose();
      }}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <Button kind="plain" icon="cross" iconOnly label={words.close} onPress={onClose}>
          {words.close}
        </Button>
      </header>
      <div class="dialog-body">{children}</div>
      <footer>{actions}</footer>
    </dialog>
  );
}
