import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useApp } from "../app/context.js";

/** Returns the date of an optional timestamp. */
export const dateOf = (time: Timestamp | undefined): Date | undefined => time && timestampDate(time);

/** A time as people say it, `3 days ago`; the exact one, with zone and UTC, is its title. */
export function RelativeTime({ time }: { readonly time: Date }) {
  const { format } = useApp();
  return (
    <time dateTime={time.toISOString()} title={[format.dateTime(time), format.utc(time)].filter(Boolean).join(" · ")}>
      {format.relative(time, new Date())}
    </time>
  );
}

/** A time with date, zone and UTC. */
export function ExactTime({ time }: { readonly time: Date }) {
  const { format } = useApp();
  const utc = format.utc(time);
  return (
    <time dateTime={time.toISOString()}>
      {format.dateTime(time)} {utc && <span class="utc">{utc}</span>}
    </time>
  );
}
