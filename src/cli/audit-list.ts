import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import {
  type AuditEvent,
  AuditService,
  type ListAuditEventsRequestSchema,
  ListAuditEventsResponseSchema,
} from "#gen/patwarden/v1/audit_pb.js";
import { connect } from "./client.js";
import { type Calling, parseCount, parseTime, repeatable, withConnection } from "./options.js";
import { elastic, jsonOf, print, table, tell, timeText } from "./output.js";
import { allPages } from "./pages.js";

/** The option of `limitOption`. */
export interface Limited {
  readonly limit: number;
}

interface ListOptions extends Calling, Limited {
  readonly token?: string;
  readonly subject?: string;
  readonly organization?: string;
  readonly actor?: string;
  readonly action?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
}

/** Adds `patwarden audit list`. */
export function addAuditListCommand(audit: Command): void {
  const command = audit
    .command("list")
    .description("list events of a running Patwarden, newest first")
    .option("--token <id>", "only events of this token")
    .option("--subject <subject>", "only events of this subject")
    .option("--organization <organization>", "only events of this organization, its tokens and those bound to it")
    .option("--actor <actor>", "only events of this actor, such as user:alice, service:shop or system")
    .addOption(repeatable("--action <action>", "only events with this action, such as token.revoked"))
    .addOption(new Option("--from <time>", "only events at or after this time").argParser(parseTime))
    .addOption(new Option("--to <time>", "only events before this time").argParser(parseTime))
    .addOption(limitOption())
    .action(
      ({ token = "", subject = "", organization = "", actor = "", action = [], from, to, ...options }: ListOptions) =>
        listEvents(options, {
          ...{ tokenId: token, subject, organization, actor, actions: [...action] },
          ...(from && { startTime: timestampFromDate(from) }),
          ...(to && { endTime: timestampFromDate(to) }),
        }),
    );
  withConnection(command);
}

/** Returns the option for the most events to print. */
export function limitOption(): Option {
  return new Option("--limit <count>", "the most events to print").argParser(parseCount).default(100);
}

/** Prints the events that a request selects, the newest `limit` of them. */
export async function listEvents(
  { limit, ...options }: Calling & Limited,
  request: MessageInitShape<typeof ListAuditEventsRequestSchema>,
): Promise<void> {
  const client = connect(AuditService, options);
  const events: AuditEvent[] = [];
  const read = (pageToken: string) =>
    client.listAuditEvents({ ...request, pageSize: Math.min(1000, limit - events.length), pageToken });
  for await (const page of allPages(read)) {
    events.push(...page.events);
    if (events.length < limit) continue;
    if (page.nextPageToken !== "") tell(`these are the newest ${limit}; --limit shows more`);
    break;
  }
  const head = ["TIME", "ACTION", elastic("ACTOR"), elastic("SUBJECT"), "TOKEN", "ADDRESS", elastic("DETAILS")];
  const rows = events.map((event) => [
    ...[timeText(event.time), event.action, event.actor, event.subject, event.tokenId, event.clientIp],
    Object.entries(event.details)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
  ]);
  const json = jsonOf(ListAuditEventsResponseSchema, create(ListAuditEventsResponseSchema, { events }));
  await print(options.json, json, table(head, rows));
}
