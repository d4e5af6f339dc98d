import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useApp } from "../app/context.js";
import { Button } from "./button.js";
import { copyText } from "./clipboard.js";

interface CopyProps {
  /** No secret: see `views/reveal`. */
  readonly text: string;
  /** Says to screen readers what is copied: `Copy the id of CI token`. */
  readonly label: string;
  readonly short?: boolean;
}

/** Copies a text that is no secret, and says whether that worked. */
export function CopyButton({ text, label, short = false }: CopyProps) {
  const { words, announce } = useApp();
  const done = useSignal<boolean | undefined>(undefined);
  useEffect(() => {
    done.value = undefined;
  }, [text]);
  const press = async () => {
    done.value = await copyText(text);
    announce(done.value ? words.copied : words.copyFailed);
  };
  return (
    <Button
      kind={short ? "plain" : "quiet"}
      icon={done.value ? "check" : "copy"}
      label={label}
      iconOnly={short}
      onPress={() => void press()}
    >
      {done.value === undefined ? words.copy : done.value ? words.copied : words.copyFailed}
    </Button>
  );
}
