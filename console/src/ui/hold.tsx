import { useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { useApp } from "../app/context.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";

interface HoldProps {
  /** Says what is lost. */
  readonly text: string;
  /** Called when the user leaves all the same, before the next view is there. */
  onLeave?(): void;
}

/** Holds the user on the view, as long as it is rendered: each way out of the view asks first. */
export function Hold({ text, onLeave }: HoldProps) {
  const { words, router } = useApp();
  const texts = words.reveal;
  const leaving = useSignal<(() => void) | undefined>(undefined);
  // At once: where one hold follows another, nobody leaves in between.
  useLayoutEffect(() => {
    router.hold((leave) => {
      leaving.value = leave;
    });
    return () => router.hold(undefined);
  }, []);
  const go = leaving.value;
  if (!go) return null;
  const stay = () => {
    leaving.value = undefined;
  };
  return (
    <Dialog
      title={texts.leaveTitle}
      onClose={stay}
      actions={
        <>
          <Button kind="main" onPress={stay}>
            {texts.stay}
          </Button>
          <Button
            kind="danger"
            onPress={() => {
              stay();
              router.hold(undefined);
              onLeave?.();
              go();
            }}
          >
            {texts.leave}
          </Button>
        </>
      }
    >
      <p>{text}</p>
    </Dialog>
  );
}
