interface FilterSelectProps<Name extends string> {
  readonly label: string;
  readonly value: Name;
  /** The name and the text of each choice, in order. An empty name is no filter. */
  readonly choices: readonly (readonly [Name, string])[];
  onChange(name: Name): void;
}

/** Chooses one of a few names beside a search. */
export function FilterSelect<Name extends string>({ label, value, choices, onChange }: FilterSelectProps<Name>) {
  return (
    <label class="field">
      <span class="hint">{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as Name)}>
        {choices.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
