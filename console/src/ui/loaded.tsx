import type { ComponentChildren } from "preact";
import { useApp } from "../app/context.js";
import type { Loading } from "../app/load.js";
import { ProblemNotice } from "./notice.js";

interface LoadedProps<T> {
  readonly of: Pick<Loading<T>, "value" | "problem" | "reload">;
  children(value: T): ComponentChildren;
}

/** Shows a value once it is there; before, that it is coming, or why it is not. */
export function Loaded<T>({ of, children }: LoadedProps<T>) {
  const { words } = useApp();
  const value = of.value.value;
  return (
    <>
      <ProblemNotice problem={of.problem.value} onRetry={of.reload} />
      {value === undefined
        ? !of.problem.value && (
            <p class="coming">
              <span class="spinner" aria-hidden="true" /> {words.loading}
            </p>
          )
        : children(value)}
    </>
  );
}
