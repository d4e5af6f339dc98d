import { useApp } from "../../app/context.js";
import { Notice } from "../../ui/notice.js";
import type { PrefillProblem } from "../form/prefill.js";

/** Says that a link has filled in the form, and which parts of it were not used. */
export function FilledIn({ problems }: { readonly problems: readonly PrefillProblem[] }) {
  const { words } = useApp();
  const texts = words.create;
  const problemText = ({ kind, name }: PrefillProblem): string => {
    const text = words.prefill[kind];
    return typeof text === "string" ? text : text(name.slice(0, 40));
  };
  return (
    <Notice tone="accent">
      <p>{texts.filledIn}</p>
      {problems.length > 0 && (
        <>
          <p>{texts.filledInWrong}</p>
          <ul>
            {problems.map((one) => (
              <li key={`${one.kind} ${one.name}`}>
                <bdi>{problemText(one)}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
    </Notice>
  );
}
