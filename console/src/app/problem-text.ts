import { Code } from "@connectrpc/connect";
import type { App } from "./context.js";
import type { FieldProblem, Problem } from "./problem.js";

/** A problem as the user reads it, and details that help the operator. */
export interface ProblemText {
  readonly text: string;
  /** In English, from the server. Empty: there is nothing to add. */
  readonly detail: string;
}

/** Returns a problem in the user's language. */
export function problemText(problem: Problem, { words, format }: Pick<App, "words" | "format">): ProblemText {
  const known = words.problems[problem.reason];
  const text =
    known ??
    (problem.code === Code.Unimplemented || problem.code === Code.NotFound
      ? words.notServed
      : problem.code === Code.Unauthenticated
        ? (words.problems["CALLER_UNAUTHENTICATED"] ?? "")
        : words.unreachable);
  const retry =
    problem.retryAfter === undefined ? "" : ` ${words.retryIn(format.duration(Math.max(1000, problem.retryAfter)))}`;
  const details = problem.fields.length > 0 ? [] : [problem.message];
  const requestId = problem.metadata["requestId"];
  if (requestId !== undefined) details.push(words.requestId(requestId));
  return { text: text + retry, detail: known === undefined ? "" : details.filter((line) => line !== "").join(" ") };
}

/** Returns what is wrong with a field: the limit in the user's language, and the server's text. */
export function fieldText({ limit, text }: FieldProblem, { words }: Pick<App, "words">): string {
  const known = limit === "" ? undefined : words.limits[limit];
  return known === undefined ? text : text === "" ? known : `${text} (${known})`;
}
