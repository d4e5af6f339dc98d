import { create } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Command, Option } from "commander";
import { ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";
import {
  Dimension,
  Granularity,
  type QueryUsageRequest,
  QueryUsageResponseSchema,
  type UsageRow,
  UsageService,
} from "#gen/patwarden/v1/usage_pb.js";
import { type Connection, connect } from "./client.js";
import { jsonOf, print, tell, writeNow, writeOut } from "./output.js";
import { table } from "./table.js";
import { parseDate, withConnection } from "./token.js";

interface RangeOptions extends Connection {
  readonly from?: Date;
  readonly to?: Date;
}

interface QueryOptions extends RangeOptions {
  readonly json: boolean;
  readonly token: string;
  readonly subject: string;
  readonly organization: string;
  readonly per: (typeof periods)[number];
  readonly by: readonly (typeof dimensions)[number][];
}

type Asked = Partial<Pick<QueryUsageRequest, "tokenId" | "subject" | "organization">> &
  Pick<QueryUsageRequest, "granularity" | "groupBy">;

interface ExportOptions extends RangeOptions {
  readonly source: string;
}

const periods = ["total", "day", "hour"] as const;
const dimensions = ["organization", "subject", "token", "action", "reason"] as const;

/** `patwarden usage …`. */
export function usageCommand(): Command {
  const command = new Command("usage")
    .configureOutput({ writeOut: writeNow })
    .description("show how much tokens are used, and export it to be billed");
  withRange(withConnection(command.command("query")))
    .description("sum decisions and units")
    .option("--token <id>", "of this token", "")
    .option("--subject <subject>", "of this subject", "")
    .option("--organization <organization>", "of this organization: its own tokens and those bound to it", "")
    .addOption(new Option("--per <period>", "one sum for each").choices(periods).default("total"))
    .addOption(
      new Option("--by <dimension...>", "what to keep apart, in this order").choices(dimensions).default([], "nothing"),
    )
    .action(async (options: QueryOptions) => {
      const rows: UsageRow[] = [];
      for await (const page of pagesOf(options, queryRequest(options))) rows.push(...page);
      const json = jsonOf(QueryUsageResponseSchema, create(QueryUsageResponseSchema, { rows }));
      await print(options.json, json, describe(options, rows));
    });
  withRange(withConnection(command.command("export")))
    .description(
      "print the usage of closed hours as CloudEvents, one a line; the same hour gives the same ids, so that a repeat bills nothing twice",
    )
    .option("--source <uri>", "`source` of the events: one for each deployment, and never another", "patwarden")
    .action(exportUsage);
  return command;
}

function withRange(command: Command): Command {
  return command
    .addOption(new Option("--from <time>", "first hour; default the first there is").argParser(parseDate))
    .addOption(new Option("--to <time>", "end of the last hour; default as far as there is").argParser(parseDate));
}

function queryRequest({ token, subject, organization, per, by }: QueryOptions): Asked {
  const granularity = { total: Granularity.TOTAL, day: Granularity.DAY, hour: Granularity.HOUR }[per];
  return { tokenId: token, subject, organization, granularity, groupBy: by.map(dimensionOf) };
}

function dimensionOf(name: (typeof dimensions)[number]): Dimension {
  return Dimension[name.toUpperCase() as Uppercase<typeof name>];
}

/** All pages, with progress for long results. */
async function* pagesOf(options: RangeOptions, request: Asked): AsyncIterable<readonly UsageRow[]> {
  const client = connect(UsageService, options);
  const { from, to } = options;
  const range = {
    ...(from && { startTime: timestampFromDate(from) }),
    ...(to && { endTime: timestampFromDate(to) }),
  };
  let rows = 0;
  for (let pageToken = ""; ; ) {
    const page = await client.queryUsage({ ...request, ...range, pageSize: 1000, pageToken });
    yield page.rows;
    rows += page.rows.length;
    pageToken = page.nextPageToken;
    if (pageToken === "") return;
    tell(`${rows} rows so far`);
  }
}

function describe({ per, by }: QueryOptions, rows: readonly UsageRow[]): string {
  const times = per === "total" ? [] : ["FROM", "TO"];
  const head = [...times, ...by.map((name) => name.toUpperCase()), "DECISIONS", "UNITS", "CLOSED"];
  const cells = rows.map((row) => [
    ...(per === "total" ? [] : [timeOf(row.startTime), timeOf(row.endTime)]),
    ...by.map((name) => cellOf(row, name)),
    String(row.count),
    String(row.units),
    row.closed ? "yes" : "no",
  ]);
  return table(head, cells);
}

function cellOf(row: UsageRow, dimension: (typeof dimensions)[number]): string {
  switch (dimension) {
    case "token":
      return row.tokenId;
    case "reason":
      return reasonOf(row);
    default:
      return row[dimension];
  }
}

/** Stops at the first hour that is open: what follows may still change. */
async function exportUsage(options: ExportOptions): Promise<void> {
  const request = { granularity: Granularity.HOUR, groupBy: dimensions.map(dimensionOf) };
  let events = 0;
  for await (const rows of pagesOf(options, request)) {
    const open = rows.findIndex(({ closed }) => !closed);
    const closed = open < 0 ? rows : rows.slice(0, open);
    await writeOut(closed.map((row) => `${JSON.stringify(usageEvent(options.source, row))}\n`).join(""));
    events += closed.length;
    if (open >= 0) {
      tell(`${events} events; ${timeOf(rows[open]?.startTime)} is still open`);
      return;
    }
  }
  tell(`${events} events`);
}

/**
 * A CloudEvent 1.0 in the JSON format. Its id is made of what the row is about and nothing else, so whoever drops events whose source and id are known
 * bills an hour once however often it is exported. `subject` pays: the organization, where there is one.
 */
function usageEvent(source: string, row: UsageRow): object {
  const { tokenId, subject, organization, action } = row;
  const time = timeOf(row.startTime);
  const reason = reasonOf(row);
  return {
    specversion: "1.0",
    id: [time, tokenId, action, reason].join("/"),
    source,
    type: "patwarden.v1.usage",
    subject: organization || subject,
    time,
    datacontenttype: "application/json",
    data: {
      token_id: tokenId,
      subject,
      organization,
      action,
      reason,
      start_time: time,
      end_time: timeOf(row.endTime),
      count: Number(row.count),
      units: Number(row.units),
    },
  };
}

/** As reason.proto has it, without its prefix. */
function reasonOf({ reason }: UsageRow): string {
  return ReasonSchema.value[reason]?.localName ?? String(reason);
}

function timeOf(time: UsageRow["startTime"]): string {
  return time ? timestampDate(time).toISOString() : "";
}
