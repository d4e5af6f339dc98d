import type { AuditEvent } from "#gen/patwarden/v1/audit_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { usePages } from "../../app/load.js";
import { changeQuery } from "../../app/query.js";
import { Button } from "../../ui/button.js";
import { FilterSelect } from "../../ui/filter-select.js";
import { Icon } from "../../ui/icon.js";
import { SearchField } from "../../ui/search-field.js";
import { EventList } from "../event-list.js";
import { type EventFilters, requestOf } from "./event-filters.js";

interface AuditListProps {
  /** The events of an organization, or of the deployment. */
  readonly scope: { readonly organization: string } | Record<string, never>;
}

const filterNames = ["group", "actor", "about", "from", "to"] as const;

/** Who did what and when, newest first. The filters stand in the route. */
export function AuditList({ scope }: AuditListProps) {
  const { api, router, format, caller } = useApp();
  const texts = useAdministrationWords().audit;
  const { query } = router.route.value;
  const filters: EventFilters = {
    group: query.get("group") ?? "",
    actor: query.get("actor") ?? "",
    about: query.get("about") ?? "",
    from: query.get("from") ?? "",
    to: query.get("to") ?? "",
  };
  const change = (part: Partial<EventFilters>) => changeQuery(router, part);
  const filtered = filterNames.some((name) => filters[name] !== "");
  const key = JSON.stringify([caller.caller, scope, filters]);
  const events = usePages<AuditEvent>(key, async (pageToken, signal) => {
    const request = { ...scope, ...requestOf(filters, format.zone), pageToken };
    const answer = await api.audit.listAuditEvents(request, { signal });
    return { items: answer.events, next: answer.nextPageToken };
  });
  const clear = () => changeQuery(router, Object.fromEntries(filterNames.map((name) => [name, ""])));
  return (
    <div class="stack">
      <search class="filters audit-filters" aria-label={texts.filters}>
        <FilterSelect
          label={texts.action}
          value={filters.group}
          choices={[["", texts.anyAction], ...Object.entries(texts.groups)]}
          onChange={(group) => change({ group })}
        />
        <SearchField
          label={texts.actor}
          placeholder={texts.actorHint}
          maxLength={256}
          value={filters.actor}
          onChange={(actor) => change({ actor: actor.trim() })}
          shown
        />
        <SearchField
          label={texts.about}
          placeholder={texts.aboutHint}
          maxLength={256}
          value={filters.about}
          onChange={(about) => change({ about: about.trim() })}
          shown
        />
        {(["from", "to"] as const).map((name) => (
          <label class="field" key={name}>
            <span class="hint">{texts[name]}</span>
            <input
              type="date"
              value={filters[name]}
              onChange={(event) => change({ [name]: event.currentTarget.value })}
            />
          </label>
        ))}
      </search>
      {events.value.value?.length === 0 ? (
        <div class="empty">
          <Icon name={filtered ? "search" : "clock"} />
          <h2>{filtered ? texts.nothing : texts.empty}</h2>
          {filtered ? <Button onPress={clear}>{texts.clear}</Button> : <p class="soft">{texts.emptyText}</p>}
        </div>
      ) : (
        <EventList events={events} withToken />
      )}
    </div>
  );
}
