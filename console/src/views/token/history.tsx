import type { AuditEvent } from "#gen/patwarden/v1/audit_pb.js";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { usePages } from "../../app/load.js";
import { EventList } from "../event-list.js";

/** The events of a token, newest first. */
export function History({ token }: { readonly token: Token }) {
  const { api, caller } = useApp();
  const events = usePages<AuditEvent>(
    `${caller.caller} ${token.id} ${token.etag} history`,
    async (pageToken, signal) => {
      const answer = await api.audit.listAuditEvents({ tokenId: token.id, pageSize: 50, pageToken }, { signal });
      return { items: answer.events, next: answer.nextPageToken };
    },
  );
  return <EventList events={events} />;
}
