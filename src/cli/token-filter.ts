import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import { RevocationReason, Token_State, TokenKind } from "#gen/patwarden/v1/token_pb.js";
import { parseTime, repeatable } from "./options.js";

/** The values of the options that `addFilterOptions` adds. */
export interface FilterOptions {
  readonly subject?: string;
  readonly organization?: string;
  readonly createdBy?: string;
  readonly query?: string;
  readonly kind?: "user" | "organization";
  readonly state?: readonly (typeof states)[number][];
  readonly endsBefore?: Date;
  readonly unusedSince?: Date;
  readonly bound?: boolean;
  readonly blocked?: boolean;
  readonly full?: boolean;
  readonly neverExpires?: boolean;
  readonly revokedBecause?: readonly (typeof reasons)[number][];
}

/** The values of Token.State in which a token is not usable. An active token may be unusable too. */
const states = ["pending_approval", "suspended", "expired", "revoked", "denied"] as const;
const reasons = ["requested", "leaked", "subject_deleted", "reuse_detected", "unused", "administrative"] as const;

/** Adds an option for each filter of tokens. */
export function addFilterOptions(command: Command): Command {
  return command
    .option("--subject <subject>", "only tokens of this subject")
    .option("--organization <organization>", "only tokens of this organization, and users' tokens bound to it")
    .option("--created-by <actor>", "only tokens created by this actor, such as user:alice or service:shop")
    .option(
      "--query <text>",
      "only tokens with this text, in any case: in name, description, id or the last 4 of a secret",
    )
    .addOption(
      new Option("--kind <kind>", "only tokens of users or of organizations").choices(["user", "organization"]),
    )
    .addOption(repeatable("--state <state>", "only tokens in this state", states))
    .addOption(new Option("--ends-before <time>", "only tokens that end before this time").argParser(parseTime))
    .addOption(new Option("--unused-since <time>", "only tokens not used since this time").argParser(parseTime))
    .option("--bound", "only users' tokens that are bound to an organization")
    .option("--no-bound", "only tokens that are not bound")
    .option("--blocked", "only tokens that nothing but the policy refuses now")
    .option("--no-blocked", "only other tokens than these")
    .option("--full", "only tokens that may do everything that their subject may")
    .option("--no-full", "only tokens with a part of that")
    .option("--never-expires", "only tokens that never expire")
    .option("--no-never-expires", "only tokens that expire")
    .addOption(repeatable("--revoked-because <reason>", "only tokens that were revoked for this reason", reasons));
}

/** Returns the filter of these options: fields of TokenFilter, which ListTokensRequest has too. */
export function filterOf(options: FilterOptions) {
  const { subject, organization, createdBy, query, kind, endsBefore, unusedSince } = options;
  const { bound, blocked, full, neverExpires, state = [], revokedBecause = [] } = options;
  return {
    ...(subject !== undefined && { subject }),
    ...(organization !== undefined && { organization }),
    ...(createdBy !== undefined && { createdBy }),
    ...(query !== undefined && { query }),
    ...(kind && { kind: { user: TokenKind.USER, organization: TokenKind.ORGANIZATION }[kind] }),
    ...(endsBefore && { expireBefore: timestampFromDate(endsBefore) }),
    ...(unusedSince && { lastUsedBefore: timestampFromDate(unusedSince) }),
    ...(bound !== undefined && { bound }),
    ...(blocked !== undefined && { blocked }),
    ...(full !== undefined && { full }),
    ...(neverExpires !== undefined && { neverExpires }),
    ...(state.length > 0 && { states: state.map((each) => Token_State[upper(each)]) }),
    ...(revokedBecause.length > 0 && {
      revocationReasons: revokedBecause.map((each) => RevocationReason[upper(each)]),
    }),
  };
}

function upper<T extends string>(text: T): Uppercase<T> {
  return text.toUpperCase() as Uppercase<T>;
}
