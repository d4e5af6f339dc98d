import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.js";

interface SearchFieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  /** Default 100. */
  readonly maxLength?: number;
  /** Whether the label is shown. Default: only read by screen readers. */
  readonly shown?: boolean;
  /** Called when the user has stopped typing for a quarter of a second. */
  onChange(text: string): void;
}

/** A field to search with. */
export function SearchField({ label, value, placeholder, maxLength = 100, shown, onChange }: SearchFieldProps) {
  const waiting = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(waiting.current), []);
  return (
    <label class="field">
      <span class={shown ? "hint" : "out-of-sight"}>{label}</span>
      <span class="search">
        <Icon name="search" />
        <input
          type="search"
          part="input"
          maxLength={maxLength}
          value={value}
          placeholder={placeholder}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => {
            const text = event.currentTarget.value;
            clearTimeout(waiting.current);
            waiting.current = setTimeout(() => onChange(text), 250);
          }}
        />
      </span>
    </label>
  );
}
