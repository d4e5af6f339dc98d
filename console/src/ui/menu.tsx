import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import { Button } from "./button.js";

interface MenuProps {
  /** For screen readers: `Actions for CI token`. */
  readonly label: string;
  /** Buttons and links with the class `menu-item`. */
  readonly children: ComponentChildren;
}

/** A button that opens a short list of further buttons beside it. Esc and a click elsewhere close it. */
export function Menu({ label, children }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const place = () => {
    const [at, own] = [button.current?.getBoundingClientRect(), menu.current];
    if (!at || !own) return;
    own.style.position = "fixed";
    own.style.inset = "auto";
    const { width, height } = own.getBoundingClientRect();
    const below = at.bottom + 4 + height <= innerHeight;
    own.style.top = `${below ? at.bottom + 4 : Math.max(4, at.top - 4 - height)}px`;
    own.style.left = `${Math.min(Math.max(4, at.right - width), innerWidth - width - 4)}px`;
  };
  return (
    <>
      <Button kind="plain" icon="more" iconOnly label={label} buttonRef={button} opens={id}>
        {label}
      </Button>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons inside act; this only closes the list. */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a press of Enter on a button is a click. */}
      <div
        id={id}
        ref={menu}
        class="menu"
        popover="auto"
        onToggle={(event) => {
          if (event.newState !== "open") return;
          place();
          menu.current?.querySelector<HTMLElement>(".menu-item")?.focus();
        }}
        onClick={() => {
          menu.current?.hidePopover();
          // A dialog that the choice opens gives the focus back to where it was: not to a hidden button.
          button.current?.focus();
        }}
      >
        {children}
      </div>
    </>
  );
}
