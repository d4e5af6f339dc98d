import { create } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import {
  Dimension,
  Granularity,
  type QueryUsageRequest,
  QueryUsageResponseSchema,
  type UsageRow,
  UsageService,
} from "#gen/patwarden/v1/usage_pb.js";
import { connect } from "./client.js";
import { reasonName } from "./describe.js";
import { type Calling, parseTime, withConnection } from "./options.js";
import { jsonOf, print, table, tell, timeText, writeOut } from "./output.js";
import { allPages } from "./pages.js";

interface RangeOptions extends Calling {
  readonly from?: Date;
  readonly to?: Date;
}

interface QueryOptions extends RangeOptions {
  readonly token?: string;
  readonly subject?: string;
  readonly organization?: string;
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

/** Adds `patwarden usage …`. */
export function addUsageCommands(program: Command): void {
  const usage = program.command("usage").description("show the usage of tokens, and export it for billing");
  withRange(usage.command("query"))
    .description("sum decisions and units")
    .option("--token <id>", "only usage of this token")
    .option("--subject <subject>", "only usage of this subject")
    .option("--organization <organization>", "only usage of this organization: its own tokens and tokens bound to it")
    .addOption(new Option("--per <period>", "print a sum for each period").choices(periods).default("total"))
    .addOption(
      new Option("--by <dimension...>", "dimensions to group by, in this order")
        .choices(dimensions)
        .default([], "nothing"),
    )
    .action(async (options: QueryOptions) => {
      const rows: UsageRow[] = [];
      for await (const page of pagesOf(options, queryRequest(options))) rows.push(...page);
      const json = jsonOf(QueryUsageResponseSchema, create(QueryUsageResponseSchema, { rows }));
      await print(options.json, json, describe(options, rows));
    });
  withRange(usage.command("export"))
    .description(
      "print closed hours as CloudEvents, one a line; event ids are always the same, so a second export bills nothing",
    )
    .option("--source <uri>", "`source` of the events; choose one for each deployment and never change it", "patwarden")
    .action(exportUsage);
  for (const each of usage.commands) withConnection(each);
}

function withRange(command: Command): Command {
  return command
    .addOption(
      new Option("--from <time>", "start of the first hour; default: that of the first recorded hour").argParser(
        parseTime,
      ),
    )
    .addOption(
      new Option("--to <time>", "end of the last hour; default: that of the last recorded hour").argParser(parseTime),
    );
}

function queryRequest({ token = "", subject = "", organization = "", per, by }: QueryOptions): Asked {
  const granularity = { total: Granularity.TOTAL, day: Granularity.DAY, hour: Granularity.HOUR }[per];
  return { tokenId: token, subject, organization, granularity, groupBy: by.map(dimensionOf) };
}

function dimensionOf(name: (typeof dimensions)[number]): Dimension {
  return Dimension[name.toUpperCase() as Uppercase<typeof name>];
}

/** Yields all pages and prints progress for long results. */
async function* pagesOf(options: RangeOptions, request: Asked): AsyncIterable<readonly UsageRow[]> {
  const client = connect(UsageService, options);
  const { from, to } = options;
  const range = {
    ...(from && { startTime: timestampFromDate(from) }),
    ...(to && { endTime: timestampFromDate(to) }),
  };
  const whole = { ...request, ...range, pageSize: 1000 };
  let rows = 0;
  for await (const page of allPages((pageToken) => client.queryUsage({ ...whole, pageToken }))) {
    yield page.rows;
    rows += page.rows.length;
    if (page.nextPageToken !== "") tell(`${rows} rows so far`);
  }
}

function describe({ per, by }: QueryOptions, rows: readonly UsageRow[]): string {
  const times = per === "total" ? [] : ["FROM", "TO"];
  const head = [...times, ...by.map((name) => name.toUpperCase()), "DECISIONS", "UNITS", "CLOSED"];
  const cells = rows.map((row) => [
    ...(per === "total" ? [] : [timeText(row.startTime), timeText(row.endTime)]),
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
      return reasonName(row.reason);
    default:
      return row[dimension];
  }
}

/** Exports usage. Stops at the first open hour: its counts, and those of later hours, may still change. */
async function exportUsage(options: ExportOptions): Promise<void> {
  const request = { granularity: Granularity.HOUR, groupBy: dimensions.map(dimensionOf) };
  let events = 0;
  for await (const rows of pagesOf(options, request)) {
    const open = rows.findIndex(({ closed }) => !closed);
    const closed = open < 0 ? rows : rows.slice(0, open);
    await writeOut(closed.map((row) => `${JSON.stringify(usageEvent(options.source, row))}\n`).join(""));
    events += closed.length;
    if (open >= 0) {
      tell(`${events} events; the hour from ${timeText(rows[open]?.startTime)} on is still open`);
      return;
    }
  }
  tell(`${events} events`);
}

/**
 * Returns a CloudEvent 1.0 in the JSON format. Its id depends only on the keys of the row, not on its counts. A reader
 * that drops events with a known source and id bills an hour once, however often it is exported. `subject` is the
 * payer: the organization, if there is one.
 */
function usageEvent(source: string, row: UsageRow): object {
  const { tokenId, subject, organization, action } = row;
  const time = timeOf(row.startTime);
  const reason = reasonName(row.reason);
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

/** Renders a time to the millisecond. Event ids contain it, so this format must never change. */
function timeOf(time: UsageRow["startTime"]): string {
  return time ? timestampDate(time).toISOString() : "";
}
