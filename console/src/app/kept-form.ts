/** Keeps a form over a sign-in. Only what the user entered, never a secret. */
export interface KeptForms {
  keep(name: string, form: unknown): void;
  /** Returns the form and forgets it. Undefined: there is none. */
  take(name: string): unknown;
}

/** Forms of the page: in the tab's session storage, as the sign-in leaves the page. */
export const sessionForms: KeptForms = {
  keep: (name, form) => sessionStorage.setItem(`pw-form-${name}`, JSON.stringify(form)),
  take: (name) => {
    const kept = sessionStorage.getItem(`pw-form-${name}`);
    sessionStorage.removeItem(`pw-form-${name}`);
    return kept === null ? undefined : JSON.parse(kept);
  },
};

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
