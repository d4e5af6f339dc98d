import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { withoutSecrets } from "../app/without-secrets.js";
import { Icon } from "./icon.js";

interface SearchFieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  /** Default 100. */
  readonly maxLength?: number;
  /** Whether the label is shown. Default: only read by screen readers. */
  readonly shown?: boolean;
  /** Called when the user has stopped typing for a quarter of a second. A secret was replaced by its hint. */
  onChange(text: string): void;
}

/** A field to search with. */
export function SearchField({ label, value, placeholder, maxLength = 100, shown, onChange }: SearchFieldProps) {
  const typed = useSignal(value);
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const change = useRef(onChange);
  change.current = onChange;
  useEffect(() => () => clearTimeout(waiting.current), []);
  useEffect(() => {
    // The text that is being typed wins over an earlier one that the view has taken.
    if (waiting.current === undefined) typed.value = value;
  }, [value]);
  return (
    <label class="field">
      <span class={shown ? "hint" : "out-of-sight"}>{label}</span>
      <span class="search">
        <Icon name="search" />
        <input
          type="search"
          part="input"
          maxLength={maxLength}
          value={typed.value}
          placeholder={placeholder}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => {
            const field = event.currentTarget;
            typed.value = withoutSecrets(field.value);
            // The signal may have had this text before.
            field.value = typed.value;
            clearTimeout(waiting.current);
            waiting.current = setTimeout(() => {
              waiting.current = undefined;
              change.current(typed.value);
            }, 250);
          }}
        />
      </span>
    </label>
  );
}
