import type { AuditEvent } from "#gen/patwarden/v1/audit_pb.js";
import { useApp } from "../app/context.js";
import type { Pages } from "../app/load.js";
import { Badge } from "../ui/badge.js";
import { Button, Link } from "../ui/button.js";
import { Identity } from "../ui/identity.js";
import { Loaded } from "../ui/loaded.js";
import { dateOf, ExactTime } from "../ui/time.js";

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
                <EventItem key={event.id} event={event} withToken={withToken} />
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
  readonly withToken: boolean;
}

function EventItem({ event, withToken }: EventItemProps) {
  const { words } = useApp();
  const texts = words.history;
  const time = dateOf(event.time);
  const details = Object.entries(event.details);
  return (
    <li class="event">
      <div class="row">
        <strong>{texts.events[event.action] ?? event.action}</strong>
        {event.outcome === "refused" && <Badge tone="warn">{texts.refused}</Badge>}
        {withToken && event.tokenId !== "" && (
          <Link to={`/tokens/${event.tokenId}`}>
            <span class="mono">{event.tokenId}</span>
          </Link>
        )}
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
      {details.length > 0 && (
        <details>
          <summary>{texts.details}</summary>
          <dl class="facts">
            {details.map(([name, value]) => (
              <div key={name} class="pair">
                <dt class="mono">{name}</dt>
                <dd>
                  <bdi class="mono">{value}</bdi>
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </li>
  );
}
