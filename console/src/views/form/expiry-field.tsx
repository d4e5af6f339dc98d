import { useId } from "preact/hooks";
import { useApp } from "../../app/context.js";
import { addDays, dayOf, dayText } from "../../app/local-day.js";
import { Choice, Field, FieldGroup } from "../../ui/field.js";
import { Notice } from "../../ui/notice.js";
import { ExactTime } from "../../ui/time.js";
import { dayMs, type Expiry, endingOf, type LifetimeLimits, lifetimesWithin } from "./expiry.js";

interface ExpiryFieldProps {
  /** Absent together with `keep`: the end stays as it is. */
  readonly expiry: Expiry | undefined;
  readonly limits: LifetimeLimits;
  /** Whether a missing day is an error. Default false, while the user may still enter one. */
  readonly tried?: boolean;
  /** The server's refusal. */
  readonly error?: string | undefined;
  /** Offers to leave the end as it is. */
  readonly keep?: { readonly text: string; onChoose(): void };
  onChange(expiry: Expiry): void;
}

/** Chooses when a token ends, and shows the resulting moment with date, zone and UTC. */
export function ExpiryField({ expiry, limits, tried = false, error, keep, onChange }: ExpiryFieldProps) {
  const { words, format } = useApp();
  const texts = words.create;
  const group = useId();
  const now = new Date();
  const { zone } = format;
  const lifetimes = lifetimesWithin(limits);
  // A link or a template may ask for more than the limit: the longest is meant.
  const chosenMs = expiry?.kind === "for" ? Math.min(expiry.ms, limits.mostMs ?? expiry.ms) : undefined;
  const shown =
    chosenMs === undefined || lifetimes.includes(chosenMs) ? lifetimes : [...lifetimes, chosenMs].sort((a, b) => a - b);
  const name = (ms: number) => {
    const days = ms / dayMs;
    const text = Number.isInteger(days) ? texts.expiresDays(days, format.number(days)) : format.duration(ms);
    return ms === limits.mostMs ? texts.expiresMost(text) : text;
  };
  const ending = expiry && endingOf(expiry, limits, { now, zone });
  const limit = [
    limits.mostMs !== undefined && texts.mostLifetime(format.duration(limits.mostMs)),
    limits.mustEnd && texts.mustEnd,
  ]
    .filter(Boolean)
    .join(", ");
  const tooLate =
    ending && !ending.ok && ending.problem === "tooLate" && ending.latest
      ? texts.expiresTooLate(format.dateTime(ending.latest))
      : undefined;
  const past = ending && !ending.ok && ending.problem === "past" ? texts.expiresPast : undefined;
  const missing = tried && ending && !ending.ok && ending.problem === "missing" ? texts.expiresMissing : undefined;
  return (
    <FieldGroup label={texts.expires} limit={limit} error={error}>
      <div class={keep ? "lifetimes keeping" : "lifetimes"}>
        {keep !== undefined && (
          <Choice kind="radio" name={group} label={keep.text} checked={expiry === undefined} onChange={keep.onChoose} />
        )}
        {shown.map((ms) => (
          <Choice
            key={ms}
            kind="radio"
            name={group}
            label={ms === limits.usualMs && ms !== limits.mostMs ? texts.expiresDefault(name(ms)) : name(ms)}
            checked={chosenMs === ms}
            onChange={() => onChange({ kind: "for", ms })}
          />
        ))}
        <Choice
          kind="radio"
          name={group}
          label={texts.expiresOn}
          checked={expiry?.kind === "day"}
          onChange={() => onChange({ kind: "day", day: "" })}
        />
        {!limits.mustEnd && limits.mostMs === undefined && (
          <Choice
            kind="radio"
            name={group}
            label={texts.expiresNever}
            checked={expiry?.kind === "never"}
            onChange={() => onChange({ kind: "never" })}
          />
        )}
      </div>
      {expiry?.kind === "day" && (
        <Field label={texts.expiresDay} error={past ?? tooLate ?? missing}>
          {(ids) => (
            <input
              {...ids}
              class="short"
              type="date"
              min={dayText(dayOf(now, zone))}
              max={dayText(
                limits.mostMs === undefined
                  ? addDays(dayOf(now, zone), 3649)
                  : dayOf(new Date(now.getTime() + limits.mostMs), zone),
              )}
              value={expiry.day}
              onInput={(event) => onChange({ kind: "day", day: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
      {ending?.ok && ending.time && (
        <p class="ending">
          {texts.expiresAt} <ExactTime time={ending.time} />
        </p>
      )}
      {expiry?.kind === "never" && <Notice tone="warn">{texts.expiresNeverHint}</Notice>}
    </FieldGroup>
  );
}
