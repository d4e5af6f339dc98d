import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type { CatalogSnippet } from "#gen/patwarden/v1/self_pb.js";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { CopyButton } from "../../ui/copy-button.js";
import { snippetCode } from "./snippet-code.js";

type Snippet = Pick<CatalogSnippet, "label" | "code">;

interface SnippetsProps {
  readonly token: Token;
  readonly snippets: readonly Snippet[];
}

/** Lines to try a new token with. The secret is never part of them: they read the variable TOKEN. */
export function Snippets({ token, snippets }: SnippetsProps) {
  const { words, host } = useApp();
  const texts = words.reveal;
  const name = useId();
  const own: readonly Snippet[] =
    host.selfUrl === undefined
      ? []
      : [
          { label: "curl", code: `curl -H "authorization: Bearer $TOKEN" ${host.selfUrl}` },
          {
            label: "JavaScript",
            code: `const answer = await fetch("${host.selfUrl}", {\n  headers: { authorization: \`Bearer \${process.env.TOKEN}\` },\n});`,
          },
        ];
  const all = snippets.length > 0 ? snippets : own;
  const chosen = useSignal(0);
  const current = all[chosen.value];
  if (!current) return null;
  const code = snippetCode(current.code, token.grant);
  return (
    <section class="card" aria-labelledby={name}>
      <h2 id={name}>{texts.tryIt}</h2>
      <p class="hint">{texts.tryItText}</p>
      {all.length > 1 && (
        <div class="row">
          {all.map(({ label }, at) => (
            <button
              type="button"
              key={label}
              class="chip-button"
              aria-pressed={at === chosen.value}
              onClick={() => {
                chosen.value = at;
              }}
            >
              {label}
            </button>
          ))}
        </div>
      )}
      <div class="snippet">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines must be reachable by keyboard. */}
        <pre tabIndex={0}>
          <code>{code}</code>
        </pre>
        <CopyButton text={code} label={words.copyNamed(current.label)} />
      </div>
    </section>
  );
}
