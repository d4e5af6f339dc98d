import { create } from "@bufbuild/protobuf";
import { type Command, Option } from "commander";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  GetTokenSummaryResponseSchema,
  ListTokensResponseSchema,
  type Token,
  Token_State,
  TokenService,
} from "#gen/patwarden/v1/token_pb.js";
import { connect } from "./client.js";
import { describeGrant, describeUsable } from "./describe.js";
import type { Calling } from "./options.js";
import { elastic, facts, jsonOf, print, table, tell, timeText } from "./output.js";
import { allPages } from "./pages.js";
import { addFilterOptions, type FilterOptions, filterOf } from "./token-filter.js";

interface ListOptions extends Calling, FilterOptions {
  readonly usable?: true;
  readonly orderBy?: string;
}

/** Adds the options of `token list` to its command. */
export function listCommand(command: Command): Command {
  return addFilterOptions(command)
    .addOption(new Option("--usable", "only tokens that can be used now").conflicts("state"))
    .option(
      "--order-by <order>",
      'create_time, expire_time, last_use_time or name, alone or followed by " desc"; default: newest first',
    )
    .action(listTokens);
}

/** Prints all pages, with progress for long lists. */
async function listTokens({ usable, orderBy = "", ...options }: ListOptions): Promise<void> {
  const client = connect(TokenService, options);
  const filter = filterOf(options);
  // Tokens in other states are not usable.
  const states = usable && { states: [Token_State.ACTIVE] };
  const tokens: Token[] = [];
  const request = { ...filter, ...states, orderBy, pageSize: 1000 };
  for await (const page of allPages((pageToken) => client.listTokens({ ...request, pageToken }))) {
    tokens.push(...page.tokens.filter((each) => !usable || each.usable === Reason.ALLOWED));
    if (page.nextPageToken !== "") tell(`${tokens.length} tokens so far`);
  }
  const head = ["ID", elastic("SUBJECT"), elastic("NAME"), "USABLE", "LAST USED", "ENDS", elastic("GRANT")];
  const rows = tokens.map((one) => [
    ...[one.id, one.subject, one.name, describeUsable(one)],
    ...[timeText(one.lastUseTime) || "never", timeText(one.expireTime) || "never", describeGrant(one.grant)],
  ]);
  const json = jsonOf(ListTokensResponseSchema, create(ListTokensResponseSchema, { tokens }));
  await print(options.json, json, table(head, rows));
}

/** Adds the options of `token summary` to its command. */
export function summaryCommand(command: Command): Command {
  return addFilterOptions(command).action(summarize);
}

async function summarize(options: Calling & FilterOptions): Promise<void> {
  const summary = await connect(TokenService, options).getTokenSummary({ filter: filterOf(options) });
  const text = facts([
    ["tokens", String(summary.total)],
    ["active", String(summary.active)],
    ["waiting for approval", String(summary.pendingApproval)],
    ["suspended", String(summary.suspended)],
    ["expired", String(summary.expired)],
    ["revoked or denied", String(summary.revoked)],
    ["ending within 7 days", String(summary.expiring)],
    ["unused for 90 days", String(summary.unused)],
    ["never ending", String(summary.neverExpires)],
    ["blocked by the policy", String(summary.blocked)],
    ["with a full grant", String(summary.full)],
  ]);
  await print(options.json, jsonOf(GetTokenSummaryResponseSchema, summary), text);
}
