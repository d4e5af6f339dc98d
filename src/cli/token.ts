import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Command, InvalidArgumentError, Option } from "commander";
import ms, { type StringValue } from "ms";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  type CreateTokenRequestSchema,
  type Grant,
  ListTokensResponseSchema,
  RevocationReason,
  RotateTokenResponseSchema,
  type Token,
  Token_State,
  TokenSchema,
  TokenService,
} from "#gen/patwarden/v1/token_pb.js";
import { isInCalendar } from "../domain/calendar.js";
import { type Connection, connect } from "./client.js";
import { jsonOf, print, tell, writeNow, writeOut } from "./output.js";
import { facts, table } from "./table.js";

interface Common extends Connection {
  readonly json: boolean;
}

/** Options of every command that speaks to a running Patwarden. */
export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option("--url <url>", "of the HTTP port").env("PATWARDEN_CLIENT_URL").default("http://127.0.0.1:9080"),
    )
    .option(
      "--key-file <file>",
      "file of the service key; else PATWARDEN_CLIENT_KEY, else that of `patwarden dev` in this folder",
    )
    .option("--json", "as JSON", false);
}

export function parseDuration(text: string): number {
  const value = /^\d+(\.\d+)?[a-z]+$/i.test(text) ? ms(text as StringValue) : undefined; // undefined for what is none
  if (value === undefined) throw new InvalidArgumentError("must be a duration such as 90d, 12h or 30m");
  return value;
}

export function parseDate(text: string): Date {
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(date.getTime()) || !isInCalendar(text)) {
    throw new InvalidArgumentError("must be a time that exists, with its zone, such as 2027-01-31T00:00:00Z");
  }
  return date;
}

function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

function pairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new Error(`${text} must be NAME=VALUE`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

interface CreateOptions extends Common {
  readonly subject: string;
  readonly name: string;
  readonly description: string;
  readonly organization: string;
  readonly full: boolean;
  readonly action: readonly string[];
  readonly resource: readonly string[];
  readonly ttl?: number;
  readonly expires?: Date;
  readonly never: boolean;
  readonly cidr: readonly string[];
  readonly metadata: readonly string[];
  readonly claim: readonly string[];
  readonly selfRotate: boolean;
  readonly validateOnly: boolean;
}

/** `patwarden token …`. */
export function tokenCommand(): Command {
  const token = new Command("token")
    .configureOutput({ writeOut: writeNow })
    .description("manage tokens of a running Patwarden");
  withConnection(token.command("create"))
    .description("make a token and print its secret, the only time it is shown")
    .requiredOption("--subject <subject>", "who it acts as, user:alice or organization:acme")
    .requiredOption("--name <name>", "what it is for")
    .option("--description <text>", "more about it", "")
    .option("--organization <organization>", "binds a user's token to it", "")
    .option("--full", "grant all that the subject may", false)
    .option("--action <action>", "grant this action, repeatable; * for any", collect, [])
    .option("--resource <resource>", "on this resource, repeatable; document:1, document:* or *", collect, [])
    .addOption(
      new Option("--ttl <duration>", "how long it lives").argParser(parseDuration).conflicts(["expires", "never"]),
    )
    .addOption(new Option("--expires <time>", "when it ends").argParser(parseDate).conflicts("never"))
    .option("--never", "it never ends", false)
    .option("--cidr <range>", "only from this network, repeatable", collect, [])
    .option("--metadata <name=value>", "a note, repeatable", collect, [])
    .option("--claim <name=value>", "a fact that Check gives back, repeatable", collect, [])
    .option("--self-rotate", "it may rotate itself, where policy allows", false)
    .option("--validate-only", "only say what would be made", false)
    .action(async (options: CreateOptions) => {
      const response = await connect(TokenService, options).createToken(createRequest(options));
      await issued(options.json, response.token, response.secret, "the token exists");
    });

  withConnection(token.command("list"))
    .description("list tokens, newest first")
    .option("--subject <subject>", "of this subject", "")
    .option("--organization <organization>", "of this organization and bound to it", "")
    .option("--created-by <actor>", "made by user:alice or service:shop", "")
    .addOption(new Option("--unused-since <time>", "not used at or after this time").argParser(parseDate))
    .addOption(
      new Option("--state <state>", "in this state, repeatable").choices(states).argParser(collect).default([]),
    )
    .action(async (options: Common & ListOptions) => {
      const tokens = await listAll(options);
      const rows = tokens.map((one) => [one.id, one.subject, one.name, stateOf(one), ends(one)]);
      const json = jsonOf(ListTokensResponseSchema, create(ListTokensResponseSchema, { tokens }));
      await print(options.json, json, table(["ID", "SUBJECT", "NAME", "STATE", "ENDS"], rows));
    });

  withConnection(token.command("show <id>"))
    .description("show a token")
    .action(async (id: string, options: Common) =>
      shown(options, (await connect(TokenService, options).getToken({ id })).token),
    );

  withConnection(token.command("rotate <id>"))
    .description("give a token a new secret and print it")
    .addOption(
      new Option("--grace <duration>", "how long the old secret goes on, up to 7d")
        .argParser(parseDuration)
        .default(0, "0s"),
    )
    .action(async (id: string, options: Common & { readonly grace: number }) => {
      const response = await connect(TokenService, options).rotateToken({ id, grace: durationFromMs(options.grace) });
      await issued(options.json, response.token, response.secret, "the token has a new secret");
    });

  withConnection(token.command("revoke <id>"))
    .description("end a token for good")
    .addOption(
      new Option("--reason <reason>", "why").choices(["requested", "leaked", "administrative"]).default("requested"),
    )
    .action(async (id: string, options: Common & { readonly reason: "requested" | "leaked" | "administrative" }) => {
      const reason = {
        requested: RevocationReason.REQUESTED,
        leaked: RevocationReason.LEAKED,
        administrative: RevocationReason.ADMINISTRATIVE,
      };
      const client = connect(TokenService, options);
      const { token: revoked, residualUntil } = await client.revokeToken({ id, reason: reason[options.reason] });
      await shown(options, revoked);
      if (residualUntil) tell(`JWTs that were made of it live until ${timestampDate(residualUntil).toISOString()}`);
    });

  const commented = (name: string, description: string) =>
    withConnection(token.command(`${name} <id>`))
      .description(description)
      .option("--comment <text>", "why", "");
  commented("suspend", "stop a token until it is resumed").action(async (id: string, options: Commented) =>
    shown(options, (await connect(TokenService, options).suspendToken({ id, comment: options.comment })).token),
  );
  commented("resume", "let a suspended token work again").action(async (id: string, options: Commented) =>
    shown(options, (await connect(TokenService, options).resumeToken({ id, comment: options.comment })).token),
  );
  commented("approve", "approve a token as it is")
    .requiredOption("--etag <etag>", "of the token as you saw it, see `token show`")
    .action(async (id: string, options: Commented & { readonly etag: string }) => {
      const { comment, etag } = options;
      await shown(options, (await connect(TokenService, options).approveToken({ id, comment, etag })).token);
    });
  commented("deny", "end a pending token for good").action(async (id: string, options: Commented) =>
    shown(options, (await connect(TokenService, options).denyToken({ id, comment: options.comment })).token),
  );
  return token;
}

interface Commented extends Common {
  readonly comment: string;
}

interface ListOptions {
  readonly subject: string;
  readonly organization: string;
  readonly createdBy: string;
  readonly unusedSince?: Date;
  readonly state: readonly (typeof states)[number][];
}

const states = ["active", "pending_approval", "suspended", "expired", "revoked", "denied"] as const;

function createRequest(options: CreateOptions): MessageInitShape<typeof CreateTokenRequestSchema> {
  const { subject, name, description, organization, full, action, resource, selfRotate, validateOnly } = options;
  const lifetime =
    options.ttl !== undefined
      ? ({ case: "ttl", value: durationFromMs(options.ttl) } as const)
      : options.expires
        ? ({ case: "expireTime", value: timestampFromDate(options.expires) } as const)
        : options.never
          ? ({ case: "neverExpires", value: true } as const)
          : undefined;
  const ruled = action.length > 0 || resource.length > 0;
  return {
    ...{ subject, name, description, organization, selfRotate, validateOnly },
    grant: { full, rules: ruled ? [{ actions: [...action], resources: [...resource] }] : [] },
    ...(lifetime && { lifetime }),
    allowedCidrs: [...options.cidr],
    metadata: pairs(options.metadata),
    claims: pairs(options.claim),
  };
}

/** All pages, with progress for long lists. */
async function listAll(options: Common & ListOptions): Promise<Token[]> {
  const client = connect(TokenService, options);
  const { subject, organization, createdBy, unusedSince } = options;
  const wanted = options.state.map((state) => Token_State[state.toUpperCase() as Uppercase<typeof state>]);
  const tokens: Token[] = [];
  let pageToken = "";
  do {
    const page = await client.listTokens({
      subject,
      organization,
      createdBy,
      ...(unusedSince && { lastUsedBefore: timestampFromDate(unusedSince) }),
      states: wanted,
      pageSize: 1000,
      pageToken,
    });
    tokens.push(...page.tokens);
    pageToken = page.nextPageToken;
    if (pageToken !== "") tell(`${tokens.length} tokens so far`);
  } while (pageToken !== "");
  return tokens;
}

/** The secret alone on stdout, so that a script can keep it; everything else on stderr. `change`: what has happened by now. */
async function issued(json: boolean, token: Token | undefined, secret: string, change: string): Promise<void> {
  const id = token?.id ?? "";
  const loss =
    secret === ""
      ? undefined
      : `${change}, ${id}, but its secret is lost: make another by \`patwarden token rotate ${id}\`, or end it by \`patwarden token revoke ${id}\``;
  if (json) {
    const response = create(RotateTokenResponseSchema, { ...(token && { token }), secret });
    await print(true, jsonOf(RotateTokenResponseSchema, response), "", loss);
    return;
  }
  if (token) tell(describe(token));
  if (secret !== "") await writeOut(`${secret}\n`, loss);
}

async function shown({ json }: Common, token: Token | undefined): Promise<void> {
  if (token) await print(json, jsonOf(TokenSchema, token), describe(token));
}

function describe(token: Token): string {
  return facts([
    ["id", token.id],
    ["subject", token.subject],
    ["organization", token.organization],
    ["name", token.name],
    ["description", token.description],
    ["state", stateOf(token)],
    ["usable", nameOf(Reason, token.usable)],
    ["blocked by", token.blockedBy.join(", ")],
    ["grant", describeGrant(token.grant)],
    ["networks", token.allowedCidrs.join(", ")],
    ["created", `${timeOf(token.createTime)} by ${token.createdBy}${token.createdVia && ` via ${token.createdVia}`}`],
    ["ends", ends(token)],
    ["last used", token.lastUseTime && `${timeOf(token.lastUseTime)}${token.lastUseIp && ` from ${token.lastUseIp}`}`],
    [
      "revoked",
      token.revokeTime && `${timeOf(token.revokeTime)} (${nameOf(RevocationReason, token.revocationReason)})`,
    ],
    [
      "suspended",
      token.suspension && `${timeOf(token.suspension.time)} by ${token.suspension.by} ${token.suspension.comment}`,
    ],
    [
      "decision",
      token.approval && `${timeOf(token.approval.time)} by ${token.approval.decidedBy} ${token.approval.comment}`,
    ],
    ["secrets", token.secrets.map(({ hint, current }) => (current ? hint : `(${hint})`)).join(" ")],
    ["etag", token.etag],
  ]);
}

function describeGrant(grant: Grant | undefined): string {
  if (grant?.full) return "all that the subject may";
  const rules = grant?.rules.map(({ actions, resources }) => `${actions.join("|")} on ${resources.join(" ")}`);
  return rules?.join("; ") || "nothing";
}

function stateOf({ state }: Token): string {
  return nameOf(Token_State, state);
}

function nameOf(constant: Readonly<Record<string, unknown>>, value: unknown): string {
  return (
    Object.keys(constant)
      .find((name) => constant[name] === value)
      ?.toLowerCase() ?? String(value)
  );
}

function ends({ expireTime }: Token): string {
  return expireTime ? timeOf(expireTime) : "never";
}

function timeOf(time: Token["createTime"]): string {
  return time ? timestampDate(time).toISOString() : "";
}
