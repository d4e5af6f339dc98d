import { useSignal } from "@preact/signals";
import { Dimension } from "#gen/patwarden/v1/usage_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { changeQuery } from "../../app/query.js";
import { organizationPath } from "../../app/subject-name.js";
import { Bars } from "../../ui/bars.js";
import { Button, Link } from "../../ui/button.js";
import { Icon } from "../../ui/icon.js";
import { Identity } from "../../ui/identity.js";
import { Loaded } from "../../ui/loaded.js";
import { dayCounts, type RecentUsage, recentUsage, type UsageBy, usageShares } from "../usage.js";
import { UsagePicture } from "../usage-picture.js";

const firstRows = 25;

/** The usage of an organization in 30 days: together, and by member or by token. */
export function UsagePart({ organization }: { readonly organization: string }) {
  const { api, router, words } = useApp();
  const texts = useAdministrationWords().usage;
  const by = router.route.value.query.get("by") === "token" ? Dimension.TOKEN : Dimension.SUBJECT;
  const usage = useLoad(`${organization} ${by}`, (signal) => recentUsage(api, { organization }, by, signal));
  return (
    <div class="stack">
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
      <Loaded of={usage}>
        {(known) =>
          known.rows.length === 0 ? (
            <div class="empty">
              <Icon name="clock" />
              <h2>{words.usage.none}</h2>
            </div>
          ) : (
            <>
              <UsagePicture recent={known} />
              <Shares organization={organization} usage={known} by={by} />
            </>
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

function Shares({ organization, usage, by }: SharesProps) {
  const { words, format } = useApp();
  const texts = useAdministrationWords().usage;
  const shown = useSignal(firstRows);
  const shares = usageShares(usage.rows, by);
  const names = useTokenNames(organization, by === Dimension.TOKEN);
  const more = shares.length - shown.value;
  return (
    <>
      <table class="table shares">
        <thead>
          <tr>
            <th>{by === Dimension.TOKEN ? texts.token : texts.member}</th>
            <th>{words.tokens.columns.usage}</th>
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
                  <Link to={`${organizationPath(organization)}?show=all&owner=${encodeURIComponent(share.name)}`}>
                    <Identity name={share.name} />
                  </Link>
                )}
              </th>
              <td class="usage">
                <Bars days={dayCounts(usage.days, share.rows)} small />
              </td>
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
