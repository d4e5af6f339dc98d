import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Command, Option } from "commander";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import {
  type CreateTokenRequestSchema,
  type GrantSchema,
  RotateTokenResponseSchema,
  type Token,
  TokenSchema,
  TokenService,
} from "#gen/patwarden/v1/token_pb.js";
import { type Limited, limitOption, listEvents } from "./audit-list.js";
import { connect } from "./client.js";
import { describeToken, reasonName } from "./describe.js";
import {
  type Calling,
  parseDuration,
  parsePairs,
  parseTime,
  readSecret,
  repeatable,
  withConnection,
} from "./options.js";
import { jsonOf, print, tell, writeOut } from "./output.js";
import { reachCommand } from "./reach.js";
import { explainCommand } from "./token-explain.js";
import { listCommand, summaryCommand } from "./token-list.js";
import { revokeCommand } from "./token-revoke.js";

/** Adds `patwarden token …`. */
export function addTokenCommands(program: Command): void {
  const token = program.command("token").description("manage tokens of a running Patwarden");
  const command = (name: string, description: string) => token.command(name).description(description);
  const ofToken = (name: string, description: string) =>
    command(name, description).argument("<id>", "tok_ and 26 lower-case letters and digits");
  addGrantOptions(command("create", "create a token and print its secret, which is shown only once"))
    .requiredOption("--subject <subject>", "subject that the token acts as, such as user:alice or organization:acme")
    .requiredOption("--name <name>", "name that says what the token is for")
    .option("--description <text>", "longer description")
    .option("--justification <text>", "why the token is needed, for the person who approves it")
    .option("--organization <organization>", "organization that a user's token is bound to; default: none")
    .addOption(
      new Option("--ttl <duration>", "lifetime; default: as policy or configuration say, otherwise 90d")
        .argParser(parseDuration)
        .conflicts(["expires", "never"]),
    )
    .addOption(
      new Option("--expires <time>", "time at which the token expires").argParser(parseTime).conflicts("never"),
    )
    .option("--never", "the token never expires")
    .addOption(repeatable("--cidr <range>", "network from which the token may be used; default: any"))
    .addOption(repeatable("--metadata <name=value>", "a note"))
    .addOption(repeatable("--claim <name=value>", "a fact that Check returns"))
    .option("--self-rotate", "the token may rotate itself, if policy allows")
    .option("--validate-only", "create nothing; only print the token that would be created")
    .action(createToken);
  listCommand(command("list", "list tokens, newest first"));
  summaryCommand(command("summary", "count tokens: in each state, and those that need attention"));
  command("show", "show a token")
    .argument("<id>", "id of the token, or - to read its secret from stdin")
    .action(async (id: string, options: Calling) =>
      show(options, (await connect(TokenService, options).getToken({ id: await idOf(id, options) })).token),
    );
  ofToken("history", "list what happened to a token, newest first")
    .addOption(limitOption())
    .action((tokenId: string, options: Calling & Limited) => listEvents(options, { tokenId }));
  addGrantOptions(ofToken("update", "change the fields that the options name, and leave the rest unchanged"))
    .option("--name <name>", "name that says what the token is for")
    .option("--description <text>", "longer description")
    .option("--justification <text>", "why the token is needed, for the person who approves it")
    .addOption(
      new Option("--expires <time>", "time at which the token expires").argParser(parseTime).conflicts("never"),
    )
    .option("--never", "the token never expires")
    .addOption(new Option("--not-before <time>", "time from which the token is usable").argParser(parseTime))
    .addOption(repeatable("--cidr <range>", "all networks from which the token may be used; an empty text for any"))
    .addOption(repeatable("--metadata <name=value>", "all notes; an empty text for none"))
    .addOption(repeatable("--claim <name=value>", "all facts that Check returns; an empty text for none"))
    .option("--self-rotate", "the token may rotate itself, if policy allows")
    .option("--no-self-rotate", "the token may not rotate itself")
    .option("--etag <etag>", "refuse if the token has changed since `token show` printed this etag")
    .option("--validate-only", "change nothing; only print the token as it would be", false)
    .action(updateToken);
  ofToken("rotate", "give a token a new secret and print it")
    .addOption(
      new Option("--grace <duration>", "how long the old secret still works, up to 7d")
        .argParser(parseDuration)
        .default(0, "0s"),
    )
    .option("--etag <etag>", "refuse if the token has changed since `token show` printed this etag")
    .action(async (id: string, { grace, etag = "", ...options }: Calling & RotateOptions) => {
      const client = connect(TokenService, options);
      const response = await client.rotateToken({ id, grace: durationFromMs(grace), etag });
      await printSecret(options.json, response.token, response.secret, "the token has a new secret");
    });
  revokeCommand(command("revoke", "revoke tokens for good: one, several, or all that a filter selects"));
  const commented = (name: string, description: string) => ofToken(name, description).option("--comment <text>", "why");
  commented("suspend", "refuse a token until it is resumed").action(
    async (id: string, { comment = "", ...options }: Commented) =>
      show(options, (await connect(TokenService, options).suspendToken({ id, comment })).token),
  );
  commented("resume", "accept a suspended token again").action(
    async (id: string, { comment = "", ...options }: Commented) =>
      show(options, (await connect(TokenService, options).resumeToken({ id, comment })).token),
  );
  commented("approve", "approve a token as it is")
    .requiredOption("--etag <etag>", "etag of the token that you have reviewed, from `token show`")
    .action(async (id: string, { comment = "", etag, ...options }: Commented & { readonly etag: string }) =>
      show(options, (await connect(TokenService, options).approveToken({ id, comment, etag })).token),
    );
  commented("deny", "deny a pending token for good").action(
    async (id: string, { comment = "", ...options }: Commented) =>
      show(options, (await connect(TokenService, options).denyToken({ id, comment })).token),
  );
  explainCommand(
    ofToken("explain", "show what a Check with a token would answer now, step by step; exit code 2: refused"),
  );
  reachCommand(
    ofToken("reach", "list the resources that a token reaches: by OpenFGA, its grant and the policy"),
    (id) => ({ case: "tokenId", value: id }),
  );
  for (const each of token.commands) withConnection(each);
}

interface GrantOptions {
  readonly full?: true;
  readonly action?: readonly string[];
  readonly resource?: readonly string[];
}

interface CreateOptions extends Calling, GrantOptions {
  readonly subject: string;
  readonly name: string;
  readonly description?: string;
  readonly justification?: string;
  readonly organization?: string;
  readonly ttl?: number;
  readonly expires?: Date;
  readonly never?: true;
  readonly cidr?: readonly string[];
  readonly metadata?: readonly string[];
  readonly claim?: readonly string[];
  readonly selfRotate?: true;
  readonly validateOnly?: true;
}

interface UpdateOptions extends Calling, GrantOptions {
  readonly name?: string;
  readonly description?: string;
  readonly justification?: string;
  readonly expires?: Date;
  readonly never?: true;
  readonly notBefore?: Date;
  readonly cidr?: readonly string[];
  readonly metadata?: readonly string[];
  readonly claim?: readonly string[];
  readonly selfRotate?: boolean;
  readonly etag?: string;
  readonly validateOnly: boolean;
}

interface RotateOptions {
  readonly grace: number;
  readonly etag?: string;
}

interface Commented extends Calling {
  readonly comment?: string;
}

function addGrantOptions(command: Command): Command {
  return command
    .addOption(new Option("--full", "grant everything that the subject may do").conflicts(["action", "resource"]))
    .addOption(repeatable("--action <action>", "grant this action on each --resource; * for any"))
    .addOption(
      repeatable("--resource <resource>", "grant each --action on this resource: document:1, document:* or *"),
    );
}

/** Returns undefined when no option names a grant. */
function grantOf({ full, action, resource }: GrantOptions): MessageInitShape<typeof GrantSchema> | undefined {
  if (full) return { full };
  if (!action && !resource) return undefined;
  if (!resource) throw new Error("--action needs --resource, such as --resource document:1 or --resource 'document:*'");
  if (!action) throw new Error("--resource needs --action, such as --action viewer or --action '*'");
  return { rules: [{ actions: [...action], resources: [...resource] }] };
}

async function createToken(options: CreateOptions): Promise<void> {
  const response = await connect(TokenService, options).createToken(createRequest(options));
  if (!options.validateOnly || options.json) {
    await printSecret(options.json, response.token, response.secret, "the token was created");
    return;
  }
  tell("nothing was created; the token would be");
  if (!response.token) return;
  const { createTime: _, ...planned } = response.token;
  // Only a token that exists has an id and an etag.
  tell(describeToken({ ...planned, id: "", etag: "" }));
}

function createRequest(options: CreateOptions): MessageInitShape<typeof CreateTokenRequestSchema> {
  const {
    subject,
    name,
    description = "",
    justification = "",
    organization = "",
    selfRotate = false,
    validateOnly = false,
  } = options;
  const grant = grantOf(options);
  if (!grant) {
    throw new Error(
      [
        "the token would have no permissions: use --full to grant everything that the subject may do,",
        "or --action and --resource to grant a part of it, such as --action viewer --resource 'document:*'",
      ].join(" "),
    );
  }
  const lifetime = lifetimeOf(options);
  return {
    ...{ subject, name, description, justification, organization, selfRotate, validateOnly, grant },
    ...(lifetime && { lifetime }),
    allowedCidrs: [...(options.cidr ?? [])],
    metadata: parsePairs("--metadata", options.metadata ?? []),
    claims: parsePairs("--claim", options.claim ?? []),
  };
}

function lifetimeOf({ ttl, expires, never }: CreateOptions) {
  if (ttl !== undefined) return { case: "ttl", value: durationFromMs(ttl) } as const;
  if (expires) return { case: "expireTime", value: timestampFromDate(expires) } as const;
  return never && ({ case: "neverExpires", value: true } as const);
}

/** Returns the id. For `-`, reads a secret from stdin and returns the id of its token. */
async function idOf(argument: string, options: Calling): Promise<string> {
  if (argument !== "-") {
    if (/^[a-z][a-z0-9]*_[po]at_/.test(argument)) {
      throw new Error(
        "that is a secret, not an id; `patwarden token show -` reads it from stdin, where other users cannot see it",
      );
    }
    return argument;
  }
  const secret = await readSecret(argument);
  const { reason, token } = await connect(AuthorizationService, options).introspect({ token: secret });
  if (token) return token.id;
  throw new Error(
    `${reasonName(reason)}: this secret is not usable; \`patwarden why - ACTION RESOURCE\` may show its token`,
  );
}

async function updateToken(id: string, options: UpdateOptions): Promise<void> {
  const grant = grantOf(options);
  const { name, description, justification, expires, never, notBefore, selfRotate, etag = "" } = options;
  const cidrs = listOf(options.cidr);
  const metadata = listOf(options.metadata);
  const claims = listOf(options.claim);
  const changed: MessageInitShape<typeof TokenSchema> = {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(justification !== undefined && { justification }),
    ...(grant && { grant }),
    ...(expires && { expireTime: timestampFromDate(expires) }),
    ...(never && { neverExpires: true }),
    ...(notBefore && { notBefore: timestampFromDate(notBefore) }),
    ...(cidrs && { allowedCidrs: cidrs }),
    ...(metadata && { metadata: parsePairs("--metadata", metadata) }),
    ...(claims && { claims: parsePairs("--claim", claims) }),
    ...(selfRotate !== undefined && { selfRotate }),
  };
  const paths = Object.keys(changed).map((key) => TokenSchema.field[key as keyof typeof TokenSchema.field].name);
  if (paths.length === 0) throw new Error("nothing to change: see `patwarden token update --help` for the options");
  const client = connect(TokenService, options);
  const { validateOnly } = options;
  const request = { token: { ...changed, id, etag }, updateMask: { paths }, validateOnly };
  const { token } = await client.updateToken(request);
  if (validateOnly) tell("nothing was changed; the token would be");
  await show(options, token);
}

/** Returns the values; one empty text stands for an empty list. */
function listOf(values: readonly string[] | undefined): string[] | undefined {
  return values?.length === 1 && values[0] === "" ? [] : values && [...values];
}

/**
 * Prints only the secret on stdout, so that a script can store it, and the rest on stderr. `change` says what has
 * already happened, in case the secret cannot be written.
 */
async function printSecret(json: boolean, token: Token | undefined, secret: string, change: string): Promise<void> {
  const id = token?.id ?? "";
  const loss =
    secret === ""
      ? undefined
      : [
          `${change}, ${id}, but its secret is lost:`,
          `create a new one with \`patwarden token rotate ${id}\`, or revoke the token with \`patwarden token revoke ${id}\``,
        ].join(" ");
  if (json) {
    const response = create(RotateTokenResponseSchema, { ...(token && { token }), secret });
    await print(true, jsonOf(RotateTokenResponseSchema, response), "", loss);
    return;
  }
  if (token) tell(describeToken(token));
  if (secret !== "") await writeOut(`${secret}\n`, loss);
}

async function show({ json }: Calling, token: Token | undefined): Promise<void> {
  if (token) await print(json, jsonOf(TokenSchema, token), describeToken(token));
}
