import type { ComponentChildren, Ref } from "preact";
import { useApp } from "../app/context.js";
import { Icon, type IconName } from "./icon.js";

interface ButtonProps {
  readonly children: ComponentChildren;
  /** `main`: the one thing to do here. `danger`: ends something. `plain`: looks like text. Default `quiet`. */
  readonly kind?: "main" | "quiet" | "danger" | "plain";
  readonly icon?: IconName;
  /** Screen readers say it instead of the text, for buttons that stand in many rows. */
  readonly label?: string;
  readonly type?: "button" | "submit";
  /** The call is under way: the button keeps the focus and does nothing. */
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly describedBy?: string | undefined;
  readonly buttonRef?: Ref<HTMLButtonElement>;
  /** The id of a popover that a press opens and closes; screen readers hear which. */
  readonly opens?: string;
  /** Shows only the icon; `label` is then required. */
  readonly iconOnly?: boolean;
  onPress?(): void;
}

export function Button({ children, kind = "quiet", icon, label, type = "button", busy = false, ...rest }: ButtonProps) {
  return (
    <button
      ref={rest.buttonRef ?? null}
      type={type}
      part="button"
      class={`button ${kind}${rest.iconOnly ? " icon-only" : ""}`}
      aria-label={label}
      aria-busy={busy ? "true" : undefined}
      aria-disabled={busy ? "true" : undefined}
      aria-pressed={rest.pressed}
      popovertarget={rest.opens}
      aria-describedby={rest.describedBy}
      disabled={rest.disabled}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else rest.onPress?.();
      }}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {!rest.iconOnly && <span>{children}</span>}
    </button>
  );
}

interface LinkProps {
  /** `/path?query` of a view. */
  readonly to: string;
  readonly children: ComponentChildren;
  /** Default `link`. */
  readonly look?: string;
  readonly current?: "page" | undefined;
  readonly label?: string;
}

/** Leads to another view. In the element, where views have no address, it is a button that looks the same. */
export function Link({ to, children, look = "link", current, label }: LinkProps) {
  const { router } = useApp();
  const href = router.href(to);
  if (href === undefined)
    return (
      <button type="button" class={look} aria-current={current} aria-label={label} onClick={() => router.go(to)}>
        {children}
      </button>
    );
  return (
    <a
      href={href}
      class={look}
      aria-current={current}
      aria-label={label}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        router.go(to);
      }}
    >
      {children}
    </a>
  );
}
