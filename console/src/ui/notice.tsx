import type { ComponentChildren } from "preact";
import type { Change } from "../app/change.js";
import { useApp } from "../app/context.js";
import { type FieldProblem, isSignedOut, type Problem } from "../app/problem.js";
import { fieldText, problemText } from "../app/problem-text.js";
import type { Tone } from "./badge.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

interface NoticeProps {
  readonly tone: Tone;
  readonly children: ComponentChildren;
  /** `alert` is read at once. Default: none. */
  readonly role?: "alert" | "status";
  readonly action?: ComponentChildren;
}

/** A remark that stands by itself. */
export function Notice({ tone, children, role, action }: NoticeProps) {
  return (
    <div class={`notice ${tone}`} role={role}>
      <Icon name={tone === "good" ? "check" : tone === "warn" || tone === "bad" ? "warning" : "info"} />
      <div class="notice-body">{children}</div>
      {action}
    </div>
  );
}

interface ProblemProps {
  readonly problem: Problem | undefined;
  /** Whether the view itself says what is wrong with this field. Default: with none. */
  places?(field: FieldProblem): boolean;
  /** Offers to try again. */
  onRetry?(): void;
}

/** Why a call failed, in the user's language, and how to go on. Renders nothing without a problem. */
export function ProblemNotice({ problem, places, onRetry }: ProblemProps) {
  const app = useApp();
  if (!problem) return null;
  const { text, detail } = problemText(problem, app);
  const action = isSignedOut(problem) ? (
    <Button onPress={() => app.host.signIn()}>{app.words.signIn}</Button>
  ) : (
    onRetry && <Button onPress={onRetry}>{app.words.tryAgain}</Button>
  );
  return (
    <Notice tone="bad" role="alert" action={action}>
      <p>{text}</p>
      {problem.fields
        .filter((own) => !places?.(own))
        .map((own) => (
          <p key={`${own.field} ${own.text}`}>
            {own.field !== "" && `${app.words.fields[own.field] ?? own.field}: `}
            {fieldText(own, app)}
          </p>
        ))}
      {detail && <p class="detail">{detail}</p>}
    </Notice>
  );
}

interface ChangeNoticeProps extends Pick<ProblemProps, "places"> {
  readonly of: Pick<Change<[]>, "pending" | "problem">;
}

/** How a change goes on: that it waits for its confirmation, or why it failed. Renders nothing else. */
export function ChangeNotice({ of, places }: ChangeNoticeProps) {
  const { words } = useApp();
  return of.pending.value ? (
    <Notice tone="accent">{words.confirming}</Notice>
  ) : (
    <ProblemNotice problem={of.problem.value} {...(places && { places })} />
  );
}
