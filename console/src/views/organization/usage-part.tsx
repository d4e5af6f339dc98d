import { useSignal } from "@preact/signals";
import { Dimension } from "#gen/patwarden/v1/usage_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { changeQuery } from "../../app/query.js";
import { organizationPath } from "../../app/subject-name.js";
import { Bars, type DayCount } from "../../ui/bars.js";
import { Button, Link } from "../../ui/button.js";
import { Choice } from "../../ui/field.js";
import { Icon } from "../../ui/icon.js";
import { Identity } from "../../ui/identity.js";
import { Loaded } from "../../ui/loaded.js";
import { Notice } from "../../ui/notice.js";
import {
  dayCounts,
  type RecentUsage,
  recentUsage,
  refusals,
  type UsageBy,
  type UsageShare,
  usageShares,
} from "../usage.js";

const firstRows = 25;

/** The usage of an organization in 30 days: together, by member or by token, as pictures or as a table. */
export function UsagePart({ organization }: { readonly organization: string }) {
  const { api, router, words } = useApp();
  const texts = useAdministrationWords().usage;
  const by = router.route.value.query.get("by") === "token" ? Dimension.TOKEN : Dimension.SUBJECT;
  const usage = useLoad(`${organization} ${by}`, (signal) => recentUsage(api, { organization }, by, signal));
  return (
    <div class="stack">
      <div class="row apart">
        <p class="soft">{words.usage.utcDays}</p>
        <fieldset class="chips" aria-label={texts.group}>
          {([Dimension.SUBJECT, Dimension.TOKEN] as const).map((dimension) => (
            <button
              type="button"
              key={dimension}
              class="chip-button"
              aria-pressed={by === dimension}
              onClick={() => changeQuery(router, { by: dimension === Dimension.TOKEN ? "token" : "" })}
            >
              {dimension === Dimension.TOKEN ? texts.byToken : texts.byMember}
            </button>
          ))}
        </fieldset>
      </div>
      <Loaded of={usage}>
        {(known) =>
          known.rows.length === 0 ? (
            <div class="empty">
              <Icon name="clock" />
              <h2>{words.usage.none}</h2>
            </div>
          ) : (
            <Shares organization={organization} usage={known} by={by} />
          )
        }
      </Loaded>
    </div>
  );
}

interface SharesProps {
  readonly organization: string;
  readonly usage: RecentUsage;
  readonly by: UsageBy;
}

function Shares({ organization, usage: { days, rows, incomplete }, by }: SharesProps) {
  const { words, format } = useApp();
  const texts = useAdministrationWords().usage;
  const table = useSignal(false);
  const shown = useSignal(firstRows);
  const shares = usageShares(rows, by);
  const counts = dayCounts(days, rows);
  const names = useTokenNames(organization, by === Dimension.TOKEN);
  const more = shares.length - shown.value;
  return (
    <>
      {incomplete && <Notice tone="warn">{words.usage.incomplete}</Notice>}
      <section class="card">
        <div class="row apart">
          <h2>{words.usage.last30}</h2>
          <Choice
            kind="checkbox"
            label={words.usage.asTable}
            checked={table.value}
            onChange={(on) => {
              table.value = on;
            }}
          />
        </div>
        {table.value ? <DayTable counts={counts} /> : <Bars days={counts} />}
        <Totals shares={shares} />
        <Refusals rows={rows} />
      </section>
      <table class="table shares">
        <thead>
          <tr>
            <th>{by === Dimension.TOKEN ? texts.token : texts.member}</th>
            {!table.value && <th>{words.tokens.columns.usage}</th>}
            <th class="number">{words.usage.allowed}</th>
            <th class="number">{words.usage.refused}</th>
            <th class="number">{words.usage.units}</th>
          </tr>
        </thead>
        <tbody>
          {shares.slice(0, shown.value).map((share) => (
            <tr key={share.name}>
              <th scope="row">
                {by === Dimension.TOKEN ? (
                  <Link to={`/tokens/${share.name}`}>
                    <bdi class={names?.has(share.name) ? "" : "mono"}>{names?.get(share.name) ?? share.name}</bdi>
                  </Link>
                ) : (
                  <Link
                    to={`${organizationPath(organization)}?show=all&owner=${encodeURIComponent(share.name)}`}
                    label={texts.tokensOf(share.name)}
                  >
                    <Identity name={share.name} />
                  </Link>
                )}
              </th>
              {!table.value && (
                <td class="usage">
                  <Bars days={dayCounts(days, share.rows)} small />
                </td>
              )}
              <td class="number" data-label={words.usage.allowed}>
                {format.number(share.allowed)}
              </td>
              <td class="number" data-label={words.usage.refused}>
                {format.number(share.refused)}
              </td>
              <td class="number" data-label={words.usage.units}>
                {format.number(share.units)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && (
        <Button
          onPress={() => {
            shown.value += 100;
          }}
        >
          {texts.more(Math.min(100, more), format.number(Math.min(100, more)))}
        </Button>
      )}
    </>
  );
}

/** Fetches the names of the tokens that were used last; a token that was only refused is shown by its id. */
function useTokenNames(organization: string, wanted: boolean): ReadonlyMap<string, string> | undefined {
  const { api } = useApp();
  const names = useLoad(wanted ? organization : undefined, async (signal) => {
    const request = { organization, orderBy: "last_use_time desc", pageSize: 1000 };
    const { tokens } = await api.tokens.listTokens(request, { signal });
    return new Map(tokens.map(({ id, name }) => [id, name]));
  });
  return names.value.value;
}

function Totals({ shares }: { readonly shares: readonly UsageShare[] }) {
  const { words, format } = useApp();
  const sum = (field: "allowed" | "refused" | "units") =>
    format.number(shares.reduce((total, share) => total + share[field], 0));
  return (
    <dl class="totals">
      {(["allowed", "refused", "units"] as const).map((field) => (
        <div key={field} class={field}>
          <dt>{words.usage[field]}</dt>
          <dd>{sum(field)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Refusals({ rows }: Pick<RecentUsage, "rows">) {
  const { words, format } = useApp();
  const reasons = refusals(rows);
  if (reasons.length === 0) return null;
  return (
    <section>
      <h3>{words.usage.why}</h3>
      <ul>
        {reasons.map(([reason, count]) => (
          <li key={reason}>
            {words.reasons[reason] ?? String(reason)}: {format.number(count)}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The same numbers as the bars, the last day first. */
function DayTable({ counts }: { readonly counts: readonly DayCount[] }) {
  const { words, format } = useApp();
  return (
    <section class="scroll" aria-label={words.usage.last30}>
      <table class="table">
        <thead>
          <tr>
            <th>{words.usage.day}</th>
            <th class="number">{words.usage.allowed}</th>
            <th class="number">{words.usage.refused}</th>
          </tr>
        </thead>
        <tbody>
          {counts.toReversed().map(({ day, allowed, refused }) => (
            <tr key={day.toISOString()}>
              <th scope="row">{day.toISOString().slice(0, 10)}</th>
              <td class="number">{format.number(allowed)}</td>
              <td class="number">{format.number(refused)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
