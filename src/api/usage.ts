import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  Dimension,
  Granularity,
  type QueryUsageRequest,
  QueryUsageResponseSchema,
  type UsageRow as UsageRowMessage,
  UsageRowSchema,
  type UsageService,
} from "#gen/patwarden/v1/usage_pb.js";
import { parseTokenId } from "../domain/ids.js";
import { type QueryUsageOptions, type QueryUsageQuery, queryUsage } from "../usage/query-usage.js";
import type { UsageDimension, UsageRow } from "../usage/usage-store.js";
import { takeOrganization, takeSubject, takeTime } from "./fields.js";
import type { GuardedHandlers } from "./guard.js";
import { Violations } from "./violations.js";

/** Returns the handlers of UsageService. */
export function usageService(options: QueryUsageOptions): GuardedHandlers<typeof UsageService> {
  return {
    async queryUsage(request, { caller }) {
      const { rows, nextPageToken } = await queryUsage(options, caller, parseQueryUsage(request, options));
      return create(QueryUsageResponseSchema, { rows: rows.map(render), nextPageToken });
    },
  };
}

function parseQueryUsage(
  request: QueryUsageRequest,
  { subjectTypes }: Pick<QueryUsageOptions, "subjectTypes">,
): QueryUsageQuery {
  const violations = new Violations();
  const tokenId = request.tokenId === "" ? undefined : violations.take("token_id", parseTokenId(request.tokenId));
  const subject = takeSubject(violations, "subject", request.subject, subjectTypes);
  const organization = takeOrganization(violations, request.organization, subjectTypes);
  const start = takeTime(violations, "start_time", request.startTime);
  const end = takeTime(violations, "end_time", request.endTime);
  if (start && end && end <= start) violations.add("end_time", "must be after start_time");
  const granularity = granularityOf(request.granularity);
  if (!granularity) violations.add("granularity", "is not a known value");
  const groupBy = new Set<UsageDimension>();
  for (const [index, value] of request.groupBy.entries()) {
    const dimension = dimensionOf(value);
    if (!dimension) violations.add(`group_by[${index}]`, "must be a known dimension other than DIMENSION_UNSPECIFIED");
    else if (groupBy.has(dimension)) violations.add(`group_by[${index}]`, "must not be repeated");
    else groupBy.add(dimension);
  }
  const pageSize = violations.takePageSize(request.pageSize);
  return {
    ...violations.settle({ granularity }),
    filter: {
      ...(tokenId && { tokenId }),
      ...(subject && { subject: subject.name }),
      ...(organization && { organization }),
      ...(start && { start }),
      ...(end && { end }),
    },
    groupBy,
    pageSize,
    pageToken: request.pageToken,
  };
}

function granularityOf(granularity: Granularity): QueryUsageQuery["granularity"] | undefined {
  switch (granularity) {
    case Granularity.UNSPECIFIED:
    case Granularity.TOTAL:
      return "TOTAL";
    case Granularity.DAY:
      return "DAY";
    case Granularity.HOUR:
      return "HOUR";
    default:
      return undefined;
  }
}

function dimensionOf(dimension: Dimension): UsageDimension | undefined {
  switch (dimension) {
    case Dimension.TOKEN:
      return "token";
    case Dimension.SUBJECT:
      return "subject";
    case Dimension.ACTION:
      return "action";
    case Dimension.REASON:
      return "reason";
    case Dimension.ORGANIZATION:
      return "organization";
    default:
      return undefined;
  }
}

function render({ reason, start, end, ...row }: UsageRow): UsageRowMessage {
  return create(UsageRowSchema, {
    ...row,
    ...(reason && { reason: Reason[reason] }),
    ...(start && { startTime: timestampFromDate(start) }),
    ...(end && { endTime: timestampFromDate(end) }),
  });
}
