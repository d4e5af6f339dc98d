import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useApp } from "./context.js";
import { type Action, useAction } from "./load.js";
import { isSignedOut, problemOf, stepUpOf } from "./problem.js";
import { untilConfirmed } from "./until-confirmed.js";

/** A change that a button makes. */
export interface Change<A extends readonly unknown[]> extends Action<A> {
  /** Whether the change is stored, and not every replica has confirmed it yet. */
  readonly pending: ReadonlySignal<boolean>;
}

/** Makes one call of a change, as `untilConfirmed` does. */
export type Confirm = <T>(call: () => Promise<T>) => Promise<T>;

/** The entries of a form, kept over a sign-in and given back by `host.forms.take(name)`. Never a secret. */
export interface FormToKeep {
  readonly name: string;
  readonly entries: unknown;
}

/**
 * Makes changes one at a time. `make` gets the function for its call. Where the server wants a sign-in first, the form
 * is kept and the user sent to sign in; a change that is made forgets what was kept.
 */
export function useChange<A extends readonly unknown[]>(
  make: (confirm: Confirm, ...args: A) => Promise<void>,
  form?: FormToKeep,
): Change<A> {
  const { host, words, announce } = useApp();
  const pending = useSignal(false);
  const onPending = () => {
    pending.value = true;
    announce(words.confirming);
  };
  const action = useAction<A>(async (...args) => {
    try {
      await make((call) => untilConfirmed(call, onPending), ...args);
      if (form) host.forms.take(form.name);
    } catch (error) {
      const problem = problemOf(error);
      const needed = stepUpOf(problem);
      if (form && (needed || isSignedOut(problem))) host.forms.keep(form.name, form.entries);
      if (needed) host.signIn(needed);
      throw error;
    } finally {
      pending.value = false;
    }
  });
  return { ...action, pending };
}
