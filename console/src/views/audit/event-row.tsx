import type { AuditEvent } from "#gen/patwarden/v1/audit_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { Badge } from "../../ui/badge.js";
import { Link } from "../../ui/button.js";
import { Identity } from "../../ui/identity.js";
import { dateOf, ExactTime, RelativeTime } from "../../ui/time.js";
import { detailsOf } from "./events.js";

/** An event of the audit trail: one line, and its details when it is opened. */
export function EventRow({ event }: { readonly event: AuditEvent }) {
  const { words, format } = useApp();
  const texts = useAdministrationWords().audit;
  const time = dateOf(event.time);
  const name = words.history.events[event.action] ?? event.action;
  const { changes, facts } = detailsOf(event.details);
  const about = event.tokenId === "" ? undefined : event.details["name"] || event.tokenId;
  return (
    <li class="event">
      <div class="event-line">
        <span class="event-time soft">{time && <RelativeTime time={time} />}</span>
        <span>
          <strong>{name}</strong>
          {event.outcome === "refused" && event.action !== "access.refused" && (
            <>
              {" "}
              <Badge tone="bad">{texts.refused}</Badge>
            </>
          )}
          {about !== undefined && (
            <>
              {" "}
              <Link to={`/tokens/${event.tokenId}`}>
                <bdi>{about}</bdi>
              </Link>
            </>
          )}
          {event.subject !== "" && (
            <span class="soft">
              {" · "}
              <Identity name={event.subject} />
            </span>
          )}
        </span>
        <span class="event-who">{event.actor === "system" ? texts.system : <Identity name={event.actor} />}</span>
      </div>
      <details>
        <summary aria-label={texts.detailsOf(name, time ? format.dateTime(time) : "")}>{texts.details}</summary>
        <div class="stack tight">
          {changes.length > 0 && (
            <table class="table compare">
              <thead>
                <tr>
                  <th>{texts.field}</th>
                  <th>{texts.before}</th>
                  <th>{texts.after}</th>
                </tr>
              </thead>
              <tbody>
                {changes.map(({ field, before, after }) => (
                  <tr key={field}>
                    <th scope="row" class="mono">
                      {field}
                    </th>
                    <td data-label={texts.before}>
                      <bdi>{before || "–"}</bdi>
                    </td>
                    <td data-label={texts.after}>
                      <bdi>{after || "–"}</bdi>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          <dl class="facts">
            {facts.map(([field, value]) => [
              <dt key={field} class="mono">
                {field}
              </dt>,
              <dd key={`${field} value`}>
                <bdi>{value}</bdi>
              </dd>,
            ])}
            {time && (
              <>
                <dt>{texts.time}</dt>
                <dd>
                  <ExactTime time={time} />
                </dd>
              </>
            )}
            {event.clientIp !== "" && (
              <>
                <dt>{texts.address}</dt>
                <dd class="mono">{event.clientIp}</dd>
              </>
            )}
            <dt>{texts.id}</dt>
            <dd>
              <span class="mono">{event.id}</span>{" "}
              <span class="soft">{event.hash === "" ? texts.unsealed : texts.sealed}</span>
            </dd>
          </dl>
        </div>
      </details>
    </li>
  );
}
