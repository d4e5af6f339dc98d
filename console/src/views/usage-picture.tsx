import { useApp } from "../app/context.js";
import { Bars } from "../ui/bars.js";
import { dayCounts, type RecentUsage, refusals } from "./usage.js";

/** A picture of 30 days with its sums, the reasons of refusals in words, and the same as a table. */
export function UsagePicture({ recent: { days, rows, incomplete } }: { readonly recent: RecentUsage }) {
  const { words, format } = useApp();
  const texts = words.usage;
  const counts = dayCounts(days, rows);
  const total = (field: "allowed" | "refused") => counts.reduce((sum, day) => sum + day[field], 0);
  const why = refusals(rows);
  const units = rows.reduce((sum, row) => sum + row.units, 0n);
  if (rows.length === 0) return <p class="soft">{texts.none}</p>;
  const [first, last] = [counts[0]?.day, counts.at(-1)?.day];
  return (
    <div class="stack">
      <section class="card">
        <h2>{texts.last30}</h2>
        <div class="sums">
          <Sum tone="allowed" text={texts.allowed} value={format.number(total("allowed"))} />
          <Sum tone="refused" text={texts.refused} value={format.number(total("refused"))} />
          {units !== BigInt(total("allowed")) && <Sum tone="" text={texts.units} value={format.number(units)} />}
        </div>
        <Bars days={counts} />
        <p class="axis hint" aria-hidden="true">
          <span>{first && format.utcDay(first)}</span>
          <span>{last && format.utcDay(last)}</span>
        </p>
        <p class="hint">
          {texts.utcDays} {incomplete && texts.incomplete}
        </p>
        <details>
          <summary>{texts.asTable}</summary>
          <table class="table">
            <thead>
              <tr>
                <th>{texts.day}</th>
                <th class="number">{texts.allowed}</th>
                <th class="number">{texts.refused}</th>
              </tr>
            </thead>
            <tbody>
              {counts.toReversed().map(({ day, allowed, refused }) => (
                <tr key={day.toISOString()}>
                  <td>{day.toISOString().slice(0, 10)}</td>
                  <td class="number">{format.number(allowed)}</td>
                  <td class="number">{format.number(refused)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </section>
      {why.length > 0 && (
        <section class="card">
          <h2>{texts.why}</h2>
          <ul class="lines">
            {why.map(([reason, count]) => (
              <li key={reason} class="line">
                <span class="grow">{words.reasons[reason] ?? String(reason)}</span>
                <strong>{format.number(count)}</strong>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

interface SumProps {
  readonly tone: string;
  readonly text: string;
  readonly value: string;
}

function Sum({ tone, text, value }: SumProps) {
  return (
    <div class={`sum ${tone}`}>
      <strong>{value}</strong>
      <span>{text}</span>
    </div>
  );
}
