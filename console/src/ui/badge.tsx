import type { ComponentChildren } from "preact";

export type Tone = "good" | "warn" | "bad" | "muted" | "accent";

/** A word on a coloured ground. The word alone says everything, the colour only helps. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}
