import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  /** Explains the field; stands below the label. */
  readonly hint?: ComponentChildren;
  /** The limit that holds, beside the label. */
  readonly limit?: ComponentChildren;
  /** Says what is wrong with the entry, and what would be right. */
  readonly error?: string | undefined;
  readonly optional?: string;
  /** Renders the control with the ids that tie it to its label. */
  children(ids: ControlIds): ComponentChildren;
}

/** The attributes of a control in a field: spread them onto it. */
export interface ControlIds {
  readonly id: string;
  readonly part: "input";
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": "true" | undefined;
}

/** A label, a control, and what is to be known about it. */
export function Field({ label, hint, limit, error, optional, children }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, limit && `${id}-limit`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class={error ? "field wrong" : "field"}>
      <div class="field-head">
        <label for={id}>{label}</label>
        {optional && <span class="optional">{optional}</span>}
        {limit && (
          <span class="limit" id={`${id}-limit`}>
            {limit}
          </span>
        )}
      </div>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({
        id,
        part: "input",
        "aria-describedby": described === "" ? undefined : described,
        "aria-invalid": error ? "true" : undefined,
      })}
      {error && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

interface TextProps extends Omit<FieldProps, "children"> {
  readonly value: string;
  /** In characters. Default: any number. */
  readonly maxLength?: number;
  /** Whether it is a name of a system, such as `document:roadmap`: shown in letters of one width, without a check. */
  readonly mono?: boolean;
  readonly placeholder?: string;
  onChange(text: string): void;
}

interface LineProps extends TextProps {
  readonly required?: boolean;
  /** Phones offer digits. */
  readonly numeric?: boolean;
  onEnter?(): void;
}

/** A field for a line of text. */
export function TextField({ value, maxLength, mono, placeholder, required, numeric, ...props }: LineProps) {
  const { onChange, onEnter, ...field } = props;
  return (
    <Field {...field}>
      {(ids) => (
        <input
          {...ids}
          type="text"
          class={mono ? "mono" : undefined}
          inputMode={numeric ? "numeric" : "text"}
          maxLength={maxLength}
          autocomplete="off"
          autocapitalize={mono ? "off" : "on"}
          spellcheck={!mono}
          required={required}
          placeholder={placeholder}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") onEnter?.();
          }}
        />
      )}
    </Field>
  );
}

/** A field for several lines of text. */
export function TextArea({ value, maxLength, mono, placeholder, onChange, ...field }: TextProps) {
  return (
    <Field {...field}>
      {(ids) => (
        <textarea
          {...ids}
          class={mono ? "mono" : undefined}
          maxLength={maxLength}
          spellcheck={!mono}
          placeholder={placeholder}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface GroupProps {
  readonly label: string;
  readonly hint?: ComponentChildren;
  readonly limit?: ComponentChildren;
  readonly error?: string | undefined;
  readonly children: ComponentChildren;
}

/** Several controls under one heading, such as radio buttons. */
export function FieldGroup({ label, hint, limit, error, children }: GroupProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <fieldset class={error ? "field wrong" : "field"} aria-describedby={described === "" ? undefined : described}>
      <legend>
        {label}
        {limit && <span class="limit">{limit}</span>}
      </legend>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children}
      {error && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </fieldset>
  );
}

interface ChoiceProps {
  readonly kind: "radio" | "checkbox";
  /** The name of the group, for radio buttons. */
  readonly name?: string;
  readonly label: ComponentChildren;
  readonly hint?: ComponentChildren;
  readonly checked: boolean;
  readonly disabled?: boolean;
  onChange(checked: boolean): void;
}

/** A radio button or a checkbox with its text. */
export function Choice({ kind, name, label, hint, checked, disabled, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <div class="choice">
      <input
        type={kind}
        id={id}
        name={name}
        checked={checked}
        disabled={disabled}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {hint && (
          <p class="hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}
