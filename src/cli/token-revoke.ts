import { createInterface } from "node:readline/promises";
import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import {
  RevocationReason,
  type RevokedToken,
  RevokedToken_Result,
  RevokeTokensResponseSchema,
  TokenSchema,
  TokenService,
} from "#gen/patwarden/v1/token_pb.js";
import { connect } from "./client.js";
import { describeToken } from "./describe.js";
import { type Calling, parseCount } from "./options.js";
import { jsonOf, nameOf, print, table, tell } from "./output.js";
import { addFilterOptions, type FilterOptions, filterOf } from "./token-filter.js";

const reasons = {
  requested: RevocationReason.REQUESTED,
  leaked: RevocationReason.LEAKED,
  administrative: RevocationReason.ADMINISTRATIVE,
} as const;

interface RevokeOptions extends Calling, FilterOptions {
  readonly reason: keyof typeof reasons;
  readonly filter?: true;
  readonly yes?: true;
  readonly expectedCount?: number;
}

/** Adds the arguments and options of `token revoke` to its command. */
export function revokeCommand(command: Command): Command {
  command
    .argument("[ids...]", "tok_ and 26 lower-case letters and digits")
    .addOption(new Option("--reason <reason>", "why").choices(Object.keys(reasons)).default("requested"))
    .option("--filter", "revoke all tokens that the options below select, after a question")
    .option("--yes", "do not ask, however many there are")
    .addOption(
      new Option("--expected-count <number>", "do not ask, and revoke none if the number is another").argParser(
        parseCount,
      ),
    );
  return addFilterOptions(command).action(revoke);
}

async function revoke(ids: readonly string[], options: RevokeOptions): Promise<void> {
  const [first] = ids;
  const filtered = Object.keys(filterOf(options)).length > 0;
  if (options.filter ? first !== undefined : first === undefined) {
    throw new Error("name the ids of tokens, or select tokens with --filter, such as --filter --subject user:alice");
  }
  if (filtered !== (options.filter ?? false)) {
    throw new Error(
      options.filter
        ? "--filter needs one of the options that select tokens; `patwarden subject` and RevokeTokens end all"
        : "options that select tokens need --filter",
    );
  }
  if (options.filter) await revokeSelected(options);
  else if (first !== undefined && ids.length === 1) await revokeOne(first, options);
  else await revokeSeveral([...new Set(ids)], options);
}

async function revokeOne(id: string, options: RevokeOptions): Promise<void> {
  const client = connect(TokenService, options);
  const { token, residualUntil } = await client.revokeToken({ id, reason: reasons[options.reason] });
  if (token) await print(options.json, jsonOf(TokenSchema, token), describeToken(token));
  tellResidual(residualUntil);
}

/** The most ids of one call. */
const mostIds = 500;

async function revokeSeveral(ids: readonly string[], options: RevokeOptions): Promise<void> {
  const { reason, expectedCount, json } = options;
  if (expectedCount !== undefined) throw new Error("--expected-count is for --filter");
  const client = connect(TokenService, options);
  const results: RevokedToken[] = [];
  let [count, residualUntil]: [number, Timestamp | undefined] = [0, undefined];
  for (let start = 0; start < ids.length; start += mostIds) {
    const value = { ids: ids.slice(start, start + mostIds) };
    const response = await client.revokeTokens({ target: { case: "ids", value }, reason: reasons[reason] });
    results.push(...response.results);
    count += response.count;
    residualUntil = later(residualUntil, response.residualUntil);
    if (results.length < ids.length) tell(`${results.length} of ${ids.length} tokens so far`);
  }
  const response = create(RevokeTokensResponseSchema, { count, results, ...(residualUntil && { residualUntil }) });
  const rows = results.map(({ id, result }) => [id, nameOf(RevokedToken_Result, result).replaceAll("_", " ")]);
  await print(json, jsonOf(RevokeTokensResponseSchema, response), table(["ID", "RESULT"], rows));
  tellResidual(residualUntil);
  const left = results.filter(
    ({ result }) => result === RevokedToken_Result.NOT_FOUND || result === RevokedToken_Result.FORBIDDEN,
  );
  if (left.length > 0) throw new Error(`${left.length} of ${ids.length} tokens are not revoked`);
}

async function revokeSelected(options: RevokeOptions): Promise<void> {
  const { reason, yes, json } = options;
  const client = connect(TokenService, options);
  const request = {
    target: { case: "filter" as const, value: filterOf(options) },
    reason: reasons[reason],
  };
  const expectedCount = options.expectedCount ?? (await client.revokeTokens({ ...request, validateOnly: true })).count;
  if (expectedCount > 0 && options.expectedCount === undefined && !yes) await confirm(expectedCount);
  const response =
    expectedCount === 0
      ? create(RevokeTokensResponseSchema, {})
      : await client.revokeTokens({ ...request, expectedCount });
  const text = `${response.count} token${response.count === 1 ? "" : "s"} revoked`;
  await print(json, jsonOf(RevokeTokensResponseSchema, response), text);
  tellResidual(response.residualUntil);
}

/** Asks the person at the terminal. Throws unless the number is typed. */
async function confirm(count: number): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new Error(
      `${count} tokens would be revoked; to do it without a question, add --expected-count ${count} or --yes`,
    );
  }
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await questions.question(`${count} tokens would be revoked for good. Type ${count} to do it: `);
    if (answer.trim() !== String(count)) throw new Error("nothing was revoked");
  } finally {
    questions.close();
  }
}

function later(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  return a && (!b || timestampDate(a) > timestampDate(b)) ? a : b;
}

function tellResidual(until: Timestamp | undefined): void {
  if (until) tell(`JWTs made from what was revoked are valid until ${timestampDate(until).toISOString()}`);
}
