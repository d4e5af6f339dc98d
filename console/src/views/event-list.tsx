import type { AuditEvent } from "#gen/patwarden/v1/audit_pb.js";
import { useApp } from "../app/context.js";
import type { Pages } from "../app/load.js";
import { Badge } from "../ui/badge.js";
import { Button, Link } from "../ui/button.js";
import { Identity, shortened } from "../ui/identity.js";
import { Loaded } from "../ui/loaded.js";
import { dateOf, ExactTime } from "../ui/time.js";
import { detailsOf, tokenNames } from "./event-details.js";

interface EventListProps {
  readonly events: Pages<AuditEvent>;
  /** Whether each event names its token. Default false. */
  readonly withToken?: boolean;
}

/** Events of the audit trail in words, newest first, page by page. */
export function EventList({ events, withToken = false }: EventListProps) {
  const { words } = useApp();
  return (
    <Loaded of={events}>
      {(items) =>
        items.length === 0 ? (
          <p class="soft">{words.history.nothing}</p>
        ) : (
          <>
            <ol class="events">
              {items.map((event) => (
                <EventItem key={event.id} event={event} {...(withToken && { names: tokenNames(items) })} />
              ))}
            </ol>
            {events.more.value && (
              <Button busy={events.busy.value} onPress={events.fetchMore}>
                {words.showMore}
              </Button>
            )}
          </>
        )
      }
    </Loaded>
  );
}

interface EventItemProps {
  readonly event: AuditEvent;
  /** Names of tokens by id, to name the event's token. Absent: all events are about one token. */
  readonly names?: ReadonlyMap<string, string>;
}

function EventItem({ event, names }: EventItemProps) {
  const { words } = useApp();
  const texts = words.history;
  const time = dateOf(event.time);
  const { changes, facts } = detailsOf(event.details);
  const name = names?.get(event.tokenId) ?? event.tokenId;
  return (
    <li class="event">
      <div class="row">
        <strong>{texts.events[event.action] ?? event.action}</strong>
        {event.outcome === "refused" && event.action !== "access.refused" && <Badge tone="warn">{texts.refused}</Badge>}
        {names && event.tokenId !== "" && (
          <Link to={`/tokens/${event.tokenId}`}>
            <bdi class={name === event.tokenId ? "mono" : ""}>{shortened(name)}</bdi>
          </Link>
        )}
        {names && event.subject !== "" && <Identity name={event.subject} />}
        <span class="soft">
          {texts.by} <Identity name={event.actor} />
          {event.clientIp !== "" && ` · ${event.clientIp}`}
        </span>
        {time && (
          <span class="soft when">
            <ExactTime time={time} />
          </span>
        )}
      </div>
      {(changes.length > 0 || facts.length > 0) && (
        <details>
          <summary>{texts.details}</summary>
          {changes.length > 0 && (
            <table class="table compare">
              <thead>
                <tr>
                  <th>
                    <span class="out-of-sight">{words.edit.review}</span>
                  </th>
                  <th>{words.edit.before}</th>
                  <th>{words.edit.after}</th>
                </tr>
              </thead>
              <tbody>
                {changes.map(({ field, before, after }) => (
                  <tr key={field}>
                    <th scope="row" class="mono">
                      {field}
                    </th>
                    <td class="before mono" data-label={words.edit.before}>
                      <bdi>{before || "–"}</bdi>
                    </td>
                    <td class="now mono" data-label={words.edit.after}>
                      <bdi>{after || "–"}</bdi>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {facts.length > 0 && (
            <dl class="facts">
              {facts.map(([name, value]) => (
                <div key={name} class="pair">
                  <dt class="mono">{name}</dt>
                  <dd>
                    <bdi class="mono">{value}</bdi>
                  </dd>
                </div>
              ))}
            </dl>
          )}
        </details>
      )}
    </li>
  );
}
