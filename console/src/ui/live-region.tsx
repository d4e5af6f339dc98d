import { useApp } from "../app/context.js";

/** Reads announcements to users of screen readers. It is on the page from the start, else nothing would be read. */
export function LiveRegion() {
  const { announced } = useApp();
  return (
    <div class="out-of-sight" role="status" aria-live="polite">
      {announced.value}
    </div>
  );
}
