/** Keeps a form over a sign-in. Only what the user entered, never a secret. */
export interface KeptForms {
  keep(name: string, form: unknown): void;
  /** Returns the form and forgets it. Undefined: there is none. */
  take(name: string): unknown;
}

/** Forms of the page: in the tab's session storage, as the sign-in leaves the page. `owner` gets no form of others. */
export const sessionForms = (owner: string): KeptForms => ({
  keep: (name, form) => sessionStorage.setItem(`pw-form-${name}`, JSON.stringify({ owner, form })),
  take: (name) => {
    const kept = sessionStorage.getItem(`pw-form-${name}`);
    sessionStorage.removeItem(`pw-form-${name}`);
    if (kept === null) return undefined;
    const own: { readonly owner: string; readonly form: unknown } = JSON.parse(kept);
    return own.owner === owner ? own.form : undefined;
  },
});

/** Forms of the element: in memory, as the element stays where it is. */
export function memoryForms(): KeptForms {
  const kept = new Map<string, unknown>();
  return {
    keep: (name, form) => void kept.set(name, form),
    take: (name) => {
      const form = kept.get(name);
      kept.delete(name);
      return form;
    },
  };
}
