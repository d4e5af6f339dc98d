import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { patiently } from "./patiently.js";
import { type Problem, problemOf } from "./problem.js";

/** A value that is being fetched, or was. */
export interface Loading<T> {
  /** Undefined until the first answer to the present key. */
  readonly value: ReadonlySignal<T | undefined>;
  /** Why the last fetch failed. */
  readonly problem: ReadonlySignal<Problem | undefined>;
  readonly busy: ReadonlySignal<boolean>;
  /** Fetches again; the present value stays until the answer. */
  reload(): void;
  /** Replaces the value by one that another call has returned. */
  set(value: T): void;
}

/** A question that is asked again when its key changes: at most one at a time, and none when the view is gone. */
interface Asking {
  readonly problem: ReadonlySignal<Problem | undefined>;
  readonly busy: ReadonlySignal<boolean>;
  /** Asks, and gives the answer to `take`, unless something else was asked in the meantime. */
  ask<T>(question: (signal: AbortSignal) => Promise<T>, take: (answer: T) => void): void;
}

/** Calls `restart` when the view appears and when `key` changes, before anything of the earlier key is seen. */
function useAsking(key: string | undefined, restart: () => void): Asking {
  const problem = useSignal<Problem | undefined>(undefined);
  const busy = useSignal(key !== undefined);
  const running = useRef<AbortController>(undefined);
  useLayoutEffect(() => {
    problem.value = undefined;
    busy.value = false;
    restart();
    return () => running.current?.abort();
  }, [key]);
  return {
    problem,
    busy,
    ask: (question, take) => {
      running.current?.abort();
      const own = new AbortController();
      running.current = own;
      busy.value = true;
      patiently(() => question(own.signal), { signal: own.signal }).then(
        (answer) => {
          if (own.signal.aborted) return;
          take(answer);
          problem.value = undefined;
          busy.value = false;
        },
        (error: unknown) => {
          if (own.signal.aborted) return;
          problem.value = problemOf(error);
          busy.value = false;
        },
      );
    },
  };
}

/**
 * Fetches a value when the view appears and when `key` changes. The key names everything that the answer depends on,
 * the subject first: an answer to an earlier key is dropped. `undefined` as key fetches nothing.
 */
export function useLoad<T>(key: string | undefined, ask: (signal: AbortSignal) => Promise<T>): Loading<T> {
  const value = useSignal<T | undefined>(undefined);
  const asked = useRef(ask);
  asked.current = ask;
  const fetchNow = () =>
    asking.ask(
      (signal) => asked.current(signal),
      (answer) => {
        value.value = answer;
      },
    );
  const asking = useAsking(key, () => {
    value.value = undefined;
    if (key !== undefined) fetchNow();
  });
  return {
    value,
    problem: asking.problem,
    busy: asking.busy,
    reload: fetchNow,
    set: (next) => {
      value.value = next;
    },
  };
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly next: string;
}

/** A list that is fetched page by page. */
export interface Pages<T> extends Omit<Loading<readonly T[]>, "set"> {
  /** Whether more pages follow. */
  readonly more: ReadonlySignal<boolean>;
  /** Fetches the next page and appends it. */
  fetchMore(): void;
  /** Changes the items that are shown, for example one that another call has changed. */
  change(edit: (items: readonly T[]) => readonly T[]): void;
}

/** Fetches the first page as `useLoad` does, and further ones on demand. `pageToken` is empty for the first page. */
export function usePages<T>(
  key: string | undefined,
  ask: (pageToken: string, signal: AbortSignal) => Promise<Page<T>>,
): Pages<T> {
  const items = useSignal<readonly T[] | undefined>(undefined);
  const next = useSignal("");
  const more = useComputed(() => next.value !== "");
  const asked = useRef(ask);
  asked.current = ask;
  const fetchPage = (pageToken: string) =>
    asking.ask(
      (signal) => asked.current(pageToken, signal),
      (page) => {
        items.value = pageToken === "" ? page.items : [...(items.value ?? []), ...page.items];
        next.value = page.next;
      },
    );
  const asking = useAsking(key, () => {
    items.value = undefined;
    next.value = "";
    if (key !== undefined) fetchPage("");
  });
  return {
    value: items,
    problem: asking.problem,
    busy: asking.busy,
    more,
    reload: () => fetchPage(""),
    fetchMore: () => {
      if (more.value && !asking.busy.value) fetchPage(next.value);
    },
    change: (edit) => {
      if (items.value) items.value = edit(items.value);
    },
  };
}

/** A call that a button makes. */
export interface Action<A extends readonly unknown[]> {
  readonly busy: ReadonlySignal<boolean>;
  readonly problem: ReadonlySignal<Problem | undefined>;
  /** Makes the call, unless one is under way. */
  run(...args: A): void;
  /** Forgets the last problem. */
  clear(): void;
}

/** Makes calls one at a time, so that a second click does nothing. */
export function useAction<A extends readonly unknown[]>(call: (...args: A) => Promise<void>): Action<A> {
  const busy = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  return {
    busy,
    problem,
    run: (...args) => {
      if (busy.value) return;
      busy.value = true;
      problem.value = undefined;
      call(...args)
        .catch((error: unknown) => {
          problem.value = problemOf(error);
        })
        .finally(() => {
          busy.value = false;
        });
    },
    clear: () => {
      problem.value = undefined;
    },
  };
}
