import { useApp } from "../app/context.js";
import { CopyButton } from "./copy-button.js";

/** Shortens a text in the middle: `user:auth0|5f…9c2a`. */
export function shortened(text: string, most = 28): string {
  if (text.length <= most) return text;
  const half = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - half)}…${text.slice(-half)}`;
}

interface IdentityProps {
  /** `user:alice`, `organization:acme`, `service:shop` or a resource. */
  readonly name: string;
  readonly copyable?: boolean;
}

/** A name that another system has made: isolated from the text around it, and never HTML. */
export function Identity({ name, copyable = false }: IdentityProps) {
  const { words, caller } = useApp();
  return (
    <span class="identity">
      <bdi title={name}>{shortened(name)}</bdi>
      {name === caller.caller && <span class="you"> {words.you}</span>}
      {copyable && <CopyButton short text={name} label={words.copyNamed(name)} />}
    </span>
  );
}
